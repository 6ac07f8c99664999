import { Heartbeat } from "../../../schema/wire/callback.ts";
import { takeHeartbeat } from "../../services/runs/run-reports.ts";
import type { Handler } from "../route.ts";
import { readReport } from "./claimed.ts";

/** A thousand runs with long titles. */
const MAX_BYTES = 4 * 1024 * 1024;

/** `POST /internal/heartbeat`: each run in it brings its own token; one that does not fit is told to stop. */
export const heartbeat: Handler = async (c) => {
  const beat = await readReport(c.req.raw, Heartbeat, MAX_BYTES);
  c.set("facts", { instance: beat.instance, runs: beat.runs.length });
  return c.json(await takeHeartbeat(c.var.scope, beat));
};
