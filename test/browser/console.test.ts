import { useConsoleWorld } from "./console-session.ts";
import { accountFlows } from "./flows/account.ts";
import { jobFlows } from "./flows/jobs.ts";
import { pageFlows } from "./flows/page.ts";

/** The console in Chromium, as a person uses it, on the stack that `npm start` runs. */

useConsoleWorld();
jobFlows();
accountFlows();
pageFlows();
