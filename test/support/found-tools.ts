import { readConfig } from "../../processor/config.ts";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";

/** The tools of this machine, as a processor with its default settings finds them. */
export const findTools = (): Promise<Tools> =>
  discoverTools(
    readConfig({
      ...process.env,
      ...{ WORKER_URL: "http://127.0.0.1:1", PROCESSOR_TOKEN: "0123456789abcdef" },
    }),
  );
