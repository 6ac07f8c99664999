import { logLine } from "../schema/telemetry/log-line.ts";

/** Writes one wide event as one line of JSON to stdout. Fields never hold source addresses, links or credentials. */
export type Log = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** @example createLog("processor-0")("run", { job_id, outcome: "completed", ms: 812 }) */
export function createLog(
  instance: string,
  write: (line: string) => void = (line) => process.stdout.write(line),
): Log {
  return (event, fields = {}) => {
    write(`${logLine("processor", event, { instance, ...fields }, Date.now())}\n`);
  };
}
