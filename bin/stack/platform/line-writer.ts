import type { Writable } from "node:stream";
import { logLine } from "../../../schema/telemetry/log-line.ts";

/** What may wait for a reader, in bytes. */
const MAX_WAITING = 4 * 1024 * 1024;

/** Writes one line; never blocks and never fails. */
export type LineWriter = (line: string) => void;

/**
 * Writes lines to a stream whose reader may be slow or gone. Beyond a few megabytes that wait for the reader, lines are
 * dropped, and the next line that gets through says how many: what runs matters more than what is written about it.
 */
export function createLineWriter(stream: Writable, maxWaiting = MAX_WAITING): LineWriter {
  let dropped = 0;
  stream.on("error", () => undefined);
  return (line) => {
    if (stream.writableLength + line.length > maxWaiting || !stream.writable) {
      dropped += 1;
      return;
    }
    if (dropped > 0)
      stream.write(`${logLine("waterspout", "log_lines_dropped", { lines: dropped }, Date.now())}\n`);
    dropped = 0;
    stream.write(`${line}\n`);
  };
}

/**
 * Brings a line of a part into the shape of the program's log: JSON with time, service and event. A part may say the time
 * itself.
 *
 * @example timedLine("worker", '{"event":"request","ms":3}') // '{"time":"2026-…","service":"worker","event":"request","ms":3}'
 */
export function timedLine(service: string, line: string): string {
  const { time, ...fields } = fieldsOf(line) ?? { event: "output", text: line };
  return JSON.stringify({ time: time ?? new Date().toISOString(), service, ...fields });
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> | null {
  if (!line.startsWith("{")) return null;
  try {
    const fields: unknown = JSON.parse(line);
    const isEvent = typeof fields === "object" && fields !== null && "event" in fields;
    return isEvent ? (fields as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
