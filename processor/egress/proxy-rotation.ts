/** Sources whose turn is remembered; the one that was asked for the longest ago is forgotten first. */
const MAX_SOURCES = 10_000;

/**
 * The operator's proxies in turn, source by source: what one source sees is spread evenly, and a run that is tried
 * again comes from another address.
 */
export class ProxyRotation {
  readonly #proxies: readonly string[];
  readonly #turns = new Map<string, number>();

  /** @param proxies `http://[user:password@]host:port`; empty: every run goes out directly */
  constructor(proxies: readonly string[]) {
    this.#proxies = proxies;
  }

  /** The proxy for the next run that asks this host; undefined without proxies. */
  next(host: string): string | undefined {
    if (this.#proxies.length === 0) return undefined;
    const turn = this.#turns.get(host) ?? 0;
    this.#turns.delete(host);
    this.#turns.set(host, turn + 1);
    const [oldest] = this.#turns.keys();
    if (this.#turns.size > MAX_SOURCES && oldest !== undefined) this.#turns.delete(oldest);
    return this.#proxies[turn % this.#proxies.length];
  }
}
