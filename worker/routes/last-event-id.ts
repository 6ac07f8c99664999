import type { AppContext } from "./route.ts";

/** The last event that a resuming client has seen; 0 for none, or for an id that no stream has sent. */
export const lastEventId = (c: AppContext): number =>
  Number(/^\d{1,15}$/.exec(c.req.header("last-event-id") ?? "")?.[0] ?? 0);
