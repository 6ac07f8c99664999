import { logLine } from "../../schema/telemetry/log-line.ts";

/** Facts of one log line: ids, codes, counts, durations. Never a secret, a query string or a source's URL. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes one line of JSON. */
export type Log = (event: string, fields: LogFields) => void;

export const consoleLog: Log = (event, fields) => {
  console.log(logLine("worker", event, fields, Date.now()));
};

/** The message of an exception and its causes, for the log only. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // the message of a failed query quotes its parameters, which are the callers' data
  if ("query" in error && "params" in error) return describeError(error.cause);
  const own = `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own} (${describeError(error.cause)})`;
}
