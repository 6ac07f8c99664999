/** Maximum number of sources whose rotation is remembered; the least recently used one is removed first. */
const MAX_SOURCES = 10_000;

/**
 * Rotates the operator's proxies, separately for each source: the requests to a source are spread evenly, and a retried
 * run comes from another address.
 */
export class ProxyRotation {
  readonly #proxies: readonly string[];
  readonly #rounds = new Map<string, number>();
  /** Until when proxies are passed over, by host. */
  readonly #refused = new Map<string, Map<string, number>>();
  readonly #now: () => number;

  /** @param proxies `http://[user:password@]host:port`; if empty, runs connect directly */
  constructor(proxies: readonly string[], now: () => number = () => performance.now()) {
    this.#proxies = proxies;
    this.#now = now;
  }

  /** Notes that a host refused what came through a proxy: it is passed over for a time, while another one is left. */
  refuse(host: string, proxy: string | undefined, forMs: number): void {
    if (proxy === undefined) return;
    const refused = this.#refused.get(host) ?? new Map<string, number>();
    this.#refused.delete(host);
    this.#refused.set(host, refused.set(proxy, this.#now() + forMs));
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > MAX_SOURCES && oldest !== undefined) this.#refused.delete(oldest);
  }

  /** How many proxies the host has not refused lately; 0 without proxies. */
  freeFor(host: string): number {
    return this.#proxies.filter((proxy) => !this.#isRefused(host, proxy)).length;
  }

  #isRefused(host: string, proxy: string): boolean {
    return (this.#refused.get(host)?.get(proxy) ?? 0) > this.#now();
  }

  /** The proxy for the next run that uses this host; undefined without proxies. */
  next(host: string): string | undefined {
    if (this.#proxies.length === 0) return undefined;
    const round = this.#rounds.get(host) ?? 0;
    this.#rounds.delete(host);
    this.#rounds.set(host, round + 1);
    const [oldest] = this.#rounds.keys();
    if (this.#rounds.size > MAX_SOURCES && oldest !== undefined) this.#rounds.delete(oldest);
    const free = this.#proxies.filter((proxy) => !this.#isRefused(host, proxy));
    const turn = free.length > 0 ? free : this.#proxies;
    return turn[round % turn.length];
  }
}
