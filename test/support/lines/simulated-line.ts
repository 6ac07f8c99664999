import type { AdaptiveConnections } from "../../../processor/egress/adaptive-connections.ts";

/** A source at the other end of a line, in simulated time. */
export interface SimulatedLine {
  /** Milliseconds for a packet and its confirmation. */
  readonly roundTripMs: number;
  /** Bytes per millisecond of the whole line. */
  readonly capacity: number;
  /** Most bytes per millisecond of one connection. */
  readonly perConnection?: number;
  /** Factor of the speed at a time, for lines whose speed varies. */
  readonly weather?: (now: number) => number;
  /** Most bytes per millisecond that the reader takes. */
  readonly reader?: number;
}

interface Connection {
  /** Bytes per round trip; doubles in each. */
  window: number;
  /** Reads from then on; before, it is made or its request is under way. */
  readyAt: number;
  left: number;
  count: ReturnType<AdaptiveConnections["begin"]> | null;
}

const STEP_MS = 5;
/** Ten packets, as usual. */
const FIRST_WINDOW = 14_600;
/** Round trips until the first byte: TCP, TLS, the request. */
const TRIPS_OF_NEW = 3;

/**
 * Reads a file in parts through as many connections as are allowed, which begin slowly and are used again.
 *
 * @param connections made for a number that grows, or a fixed number
 * @returns milliseconds
 */
export function readThrough(
  line: SimulatedLine,
  file: { readonly bytes: number; readonly partBytes: number },
  connections: (now: () => number) => AdaptiveConnections | number,
): number {
  let now = 0;
  const adaptive = connections(() => now);
  const allowed = () => (typeof adaptive === "number" ? adaptive : adaptive.allowed);
  const all: Connection[] = [];
  let [unread, left] = [file.bytes, file.bytes];
  while (left > 0) {
    const free = () => all.filter((each) => each.left === 0);
    while (unread > 0 && all.length - free().length < allowed()) {
      const bytes = Math.min(unread, file.partBytes);
      unread -= bytes;
      const [kept] = free();
      const trips = kept ? 1 : TRIPS_OF_NEW;
      const used = kept ?? { window: FIRST_WINDOW, readyAt: 0, left: 0, count: null };
      if (!kept) all.push(used);
      used.readyAt = now + trips * line.roundTripMs;
      used.left = bytes;
      used.count = typeof adaptive === "number" ? null : adaptive.begin();
    }
    now += STEP_MS;
    const busy = all.filter((each) => each.left > 0 && each.readyAt <= now);
    const speeds = busy.map(({ window }) =>
      Math.min(line.perConnection ?? Number.POSITIVE_INFINITY, window / line.roundTripMs),
    );
    const wanted = speeds.reduce((sum, speed) => sum + speed, 0);
    const capacity = Math.min(
      line.capacity * (line.weather?.(now) ?? 1),
      line.reader ?? Number.POSITIVE_INFINITY,
    );
    const share = Math.min(1, capacity / Math.max(wanted, 1e-9));
    busy.forEach((each, index) => {
      const bytes = Math.min(each.left, Math.ceil((speeds[index] ?? 0) * share * STEP_MS));
      each.left -= bytes;
      left -= bytes;
      each.count?.add(bytes);
      if (each.left === 0) each.count?.end();
      // it doubles in each round trip until the line is full
      if (share === 1) each.window *= 2 ** (STEP_MS / line.roundTripMs);
    });
  }
  return now;
}
