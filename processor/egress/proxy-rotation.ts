/** Maximum number of sources whose rotation is remembered; the least recently used one is removed first. */
const MAX_SOURCES = 10_000;

/**
 * Rotates the operator's proxies, separately for each source: the requests to a source are spread evenly, and a retried
 * run comes from another address.
 */
export class ProxyRotation {
  readonly #proxies: readonly string[];
  readonly #rounds = new Map<string, number>();

  /** @param proxies `http://[user:password@]host:port`; if empty, runs connect directly */
  constructor(proxies: readonly string[]) {
    this.#proxies = proxies;
  }

  /** The proxy for the next run that uses this host; undefined without proxies. */
  next(host: string): string | undefined {
    if (this.#proxies.length === 0) return undefined;
    const round = this.#rounds.get(host) ?? 0;
    this.#rounds.delete(host);
    this.#rounds.set(host, round + 1);
    const [oldest] = this.#rounds.keys();
    if (this.#rounds.size > MAX_SOURCES && oldest !== undefined) this.#rounds.delete(oldest);
    return this.#proxies[round % this.#proxies.length];
  }
}
