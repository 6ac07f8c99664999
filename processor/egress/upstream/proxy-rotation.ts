import { setNewest } from "../../../schema/set-newest.ts";

/** Maximum number of sources whose rotation is remembered; the least recently used one is removed first. */
const MAX_SOURCES = 10_000;

/**
 * Rotates the processor's own proxies, separately for each source: the requests to a source are spread evenly, and a
 * retried run comes from another address. The Worker chooses for runs to which it gives exits.
 */
export class ProxyRotation {
  readonly #proxies: readonly string[];
  readonly #rounds = new Map<string, number>();

  /** @param proxies see `tunnelThrough`; if empty, runs connect directly */
  constructor(proxies: readonly string[]) {
    this.#proxies = proxies;
  }

  /** The proxies in the order in which the next run that uses this host tries them; empty without proxies. */
  orderFor(host: string): readonly string[] {
    if (this.#proxies.length === 0) return [];
    const round = this.#rounds.get(host) ?? 0;
    setNewest(this.#rounds, host, round + 1, MAX_SOURCES);
    const first = round % this.#proxies.length;
    return [...this.#proxies.slice(first), ...this.#proxies.slice(0, first)];
  }
}
