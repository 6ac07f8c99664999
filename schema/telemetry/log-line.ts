import { shownText } from "../shown-url.ts";

/**
 * One line of the log of Worker, processor, or the program that runs both (`waterspout`): JSON with `event`, `time` (ISO 8601), `service`, and the event's own fields.
 * Passwords and tokens of URLs are removed from every text.
 *
 * @param now epoch milliseconds
 * @example logLine("worker", "reconcile", { leases: 0 }, 0) // '{"event":"reconcile","time":"1970-01-01T00:00:00.000Z","service":"worker","leases":0}'
 */
export function logLine(
  service: "worker" | "processor" | "waterspout",
  event: string,
  fields: Readonly<Record<string, unknown>>,
  now: number,
): string {
  const line = { event, time: new Date(now).toISOString(), service, ...fields };
  return JSON.stringify(line, (_, value: unknown) => (typeof value === "string" ? shownText(value) : value));
}
