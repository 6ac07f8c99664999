/** Sources whose turn is remembered; the one that was asked for the longest ago is removed first. */
const MAX_SOURCES = 10_000;

/**
 * The operator's proxies in turn, source by source: what one source sees is spread evenly, and a run that is tried
 * again comes from another address.
 */
export class ProxyRotation {
  readonly #proxies: readonly string[];
  readonly #rounds = new Map<string, number>();

  /** @param proxies `http://[user:password@]host:port`; empty: every run goes out directly */
  constructor(proxies: readonly string[]) {
    this.#proxies = proxies;
  }

  /** The proxy for the next run that asks this host; undefined without proxies. */
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
