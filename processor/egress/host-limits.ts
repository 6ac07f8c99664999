import { setNewest } from "../../schema/set-newest.ts";

/** Limits of a host, compared with a usual server. */
export interface HostLimit {
  /** Concurrent connections that it serves; undefined if no limit is known. */
  readonly connections?: number | undefined;
  /** True if its ranges are wrong: its files are read from their beginning. */
  readonly distrustsRanges?: boolean | undefined;
}

/** A limit expires after this long: servers get fixed, and a temporary failure may have looked like a limit. */
const KEEP_MS = 30 * 60_000;
const MAX_HOSTS = 1_000;
const NONE: HostLimit = {};

/** Limits of hosts that runs of this processor found, for later runs. Bounded in time and number. */
export class HostLimits {
  readonly #hosts = new Map<string, HostLimit & { readonly until: number }>();
  /** Numbers of connections that proved right. */
  readonly #paces = new Map<string, number>();
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

  /** Stores a limit; of two numbers of connections the smaller one counts. */
  remember(url: string, found: HostLimit): void {
    const { host } = new URL(url);
    const known = this.of(url);
    const connections = smaller(known.connections, found.connections);
    const distrustsRanges = known.distrustsRanges === true || found.distrustsRanges === true;
    const until = this.#now() + KEEP_MS;
    setNewest(this.#hosts, host, { connections, distrustsRanges, until }, MAX_HOSTS);
  }

  /** The number of connections that last proved right for a host; undefined if none did. */
  paceOf(url: string): number | undefined {
    return this.#paces.get(new URL(url).host);
  }

  /** Stores it, so that the next run need not try again; it is no limit. */
  rememberPace(url: string, connections: number): void {
    setNewest(this.#paces, new URL(url).host, connections, MAX_HOSTS);
  }
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
