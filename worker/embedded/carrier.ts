interface CarrierOptions<T> {
  /** Brings things to where they go. It handles its failures itself. */
  readonly carry: (things: readonly T[]) => Promise<void>;
  /** Lets work go on when the request that does it has ended. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** How many things are carried at once; default: all. */
  readonly most?: number;
}

/** A journey that takes longer, in milliseconds, is not waited for: whoever carried may have been stopped. */
const LATE_MS = 10_000;

/**
 * Carries what all requests of the isolate hand over: one journey takes everything that came during the journey before. So
 * a busy server pays for a journey once for many requests, and what comes alone does not wait. The request that finds
 * nobody under way carries, its own things and those of others, until nothing waits.
 *
 * @returns takes a thing; true if the calling request carries it
 */
export function createCarrier<T>({
  carry,
  waitUntil,
  most = Number.POSITIVE_INFINITY,
}: CarrierOptions<T>): (thing: T) => boolean {
  let waiting: T[] = [];
  /** When the current journey began, in epoch milliseconds; null without one. */
  let since: number | null = null;

  async function travel(): Promise<void> {
    while (waiting.length > 0) {
      const things = waiting.slice(0, most);
      waiting = waiting.slice(most);
      since = Date.now();
      await carry(things);
    }
    since = null;
  }

  return (thing) => {
    waiting.push(thing);
    if (since !== null && Date.now() - since <= LATE_MS) return false;
    // others depend on it, even when this request's client is gone
    waitUntil(travel());
    return true;
  };
}
