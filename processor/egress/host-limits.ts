/** What was found out about a host: how much less it can do than the usual server. */
export interface HostLimit {
  /** Connections that it serves at the same time; undefined while no limit was met. */
  readonly connections?: number | undefined;
  /** True once its ranges turned out wrong: its files are read from their beginning. */
  readonly distrustsRanges?: boolean | undefined;
}

/** A limit is tried again after this long: servers are mended, and a passing failure may have looked like one. */
const KEEP_MS = 30 * 60_000;
const MAX_HOSTS = 1_000;
const NONE: HostLimit = {};

/** What the runs of a processor found out about hosts, for those that follow. Bounded in time and number. */
export class HostLimits {
  readonly #hosts = new Map<string, HostLimit & { readonly until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get size(): number {
    return this.#hosts.size;
  }

  /** @param url any address of the host; its port counts */
  of(url: string): HostLimit {
    const { host } = new URL(url);
    const known = this.#hosts.get(host);
    if (!known) return NONE;
    if (known.until > this.#now()) return known;
    this.#hosts.delete(host);
    return NONE;
  }

  /** Remembers a limit; of two numbers of connections the smaller one counts. */
  remember(url: string, found: HostLimit): void {
    const { host } = new URL(url);
    const known = this.of(url);
    const connections = smaller(known.connections, found.connections);
    const distrustsRanges = known.distrustsRanges === true || found.distrustsRanges === true;
    // the oldest stands first
    this.#hosts.delete(host);
    this.#hosts.set(host, { connections, distrustsRanges, until: this.#now() + KEEP_MS });
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size > MAX_HOSTS && oldest !== undefined) this.#hosts.delete(oldest);
  }
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
