import { shownText } from "../schema/shown-url.ts";

/** Writes one wide event as one line of JSON to stdout. Fields never hold source addresses, links or credentials. */
export type Log = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** @example createLog("processor-0")("run", { job_id, outcome: "completed", ms: 812 }) */
export function createLog(
  instance: string,
  write: (line: string) => void = (line) => process.stdout.write(line),
): Log {
  return (event, fields = {}) => {
    const line = { at: new Date().toISOString(), event, instance, ...fields };
    // messages of tools quote addresses, so passwords and tokens are removed from every text
    write(`${JSON.stringify(line, (_, value) => (typeof value === "string" ? shownText(value) : value))}\n`);
  };
}
