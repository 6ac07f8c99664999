import dns from "node:dns/promises";
import type http from "node:http";
import { isIPv6, type Socket } from "node:net";
import { type AllowedHosts, isOpened, judgeAddress, judgeHost } from "../../schema/address.ts";
import { setNewest } from "../../schema/set-newest.ts";
import { SourceFault } from "../fault.ts";
import type { Address } from "./address.ts";
import { type Dial, JudgedHttpAgent, JudgedHttpsAgent, type Reach } from "./agents.ts";
import type { ReadMemory } from "./connection/read-memory.ts";
import { dialAddresses } from "./dial.ts";
import { tunnelThrough } from "./upstream/tunnel.ts";

/** Every address of a name; rejects when it has none. */
export type Lookup = (hostname: string) => Promise<readonly Address[]>;

/** Idle connections are kept for this long for the next request to the same origin. */
const IDLE_MS = 30_000;

/** Maximum number of agents that are kept; the oldest is dropped first. */
const MAX_AGENTS = 256;

/**
 * The one point that decides where a connection may go: it judges the name, resolves it, judges each address and
 * dials exactly what it judged, so a name that changes its address in between has no effect.
 */
export class EgressPolicy {
  readonly #opened: AllowedHosts;
  readonly #lookup: Lookup;
  readonly #agents = new Map<string, http.Agent>();

  constructor(options: { opened: AllowedHosts; lookup?: Lookup }) {
    this.#opened = options.opened;
    this.#lookup = options.lookup ?? systemLookup;
  }

  /**
   * The address to dial for a host.
   *
   * @param hostname name or literal, IPv6 with or without brackets, numeric forms in any notation
   * @throws Fault `egress_blocked` when the host or any address of it is not public, `network` when it has none
   */
  async resolve(hostname: string, port: number): Promise<Address> {
    const [first] = await this.addresses(hostname, port);
    return first;
  }

  /** Every address of a host, all of them judged; at least one. Throws as {@link resolve} does. */
  async addresses(hostname: string, port: number): Promise<readonly [Address, ...Address[]]> {
    const host = canonicalHost(hostname);
    const opened = isOpened(host, port, this.#opened);
    if (!opened) refuseUnlessAllowed(host, port, judgeHost(host));
    const found = await this.#addressesOf(host);
    if (!opened) for (const { address } of found) refuseUnlessAllowed(host, port, judgeAddress(address));
    return found;
  }

  /**
   * Opens a TCP connection to a host, directly or through the operator's proxy. The proxy gets the judged addresses,
   * so that it does not resolve the name a second time.
   *
   * @param memory what a direct connection reads into
   * @throws as {@link resolve}; `network` also if nothing responds in time
   */
  async dial(hostname: string, port: number, upstreamProxy?: string, memory?: ReadMemory): Promise<Socket> {
    const addresses = await this.addresses(hostname, port);
    if (upstreamProxy === undefined) return dialAddresses(addresses, port, memory);
    return tunnelThrough(upstreamProxy, addresses, port);
  }

  /**
   * A shared keep-alive agent whose every connection is made by {@link dial}. TLS certificates are verified against
   * the host name as usual.
   */
  agentFor(protocol: "http:" | "https:", upstreamProxy?: string): http.Agent {
    const key = `${protocol} ${upstreamProxy ?? ""}`;
    const known = this.#agents.get(key);
    if (known) return known;
    const dial: Dial = (hostname, port, memory) => this.dial(hostname, port, upstreamProxy, memory);
    const reach: Reach =
      upstreamProxy === undefined ? { judge: (hostname, port) => this.addresses(hostname, port) } : { dial };
    const options = { keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 64 };
    const agent =
      protocol === "https:" ? new JudgedHttpsAgent(reach, options) : new JudgedHttpAgent(dial, options);
    // proxies with a session of its own for each run; connections in use go on, and idle ones end soon
    setNewest(this.#agents, key, agent, MAX_AGENTS);
    return agent;
  }

  /** Closes every connection that the agents hold. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #addressesOf(host: string): Promise<readonly [Address, ...Address[]]> {
    if (host.startsWith("[")) return [{ address: host.slice(1, -1), family: 6 }];
    if (/^\d+(\.\d+){3}$/.test(host)) return [{ address: host, family: 4 }];
    const found = await this.#lookup(host).catch((error: unknown) => {
      const unknownHost = error instanceof Error && "code" in error && error.code === "ENOTFOUND";
      const options = { cause: error, transient: !unknownHost, unknownHost, subject: host };
      throw new SourceFault("network", `${host} does not resolve`, options);
    });
    const [first, ...others] = found;
    if (!first) throw new SourceFault("network", `${host} has no address`);
    return [first, ...others];
  }
}

function refuseUnlessAllowed(host: string, port: number, verdict: ReturnType<typeof judgeHost>): void {
  if (!verdict.allowed) throw new SourceFault("egress_blocked", `${host}:${port} refused: ${verdict.reason}`);
}

/** The host as `URL.hostname` gives it: lower case, IPv6 in brackets, `0x7f.1` as `127.0.0.1`. */
function canonicalHost(hostname: string): string {
  const bracketed = isIPv6(hostname) ? `[${hostname}]` : hostname;
  const url = `http://${bracketed}/`;
  if (!/^[^/?#@\\\s]+$/.test(hostname) || !URL.canParse(url)) {
    throw new SourceFault("egress_blocked", `not a host name: ${hostname.slice(0, 100)}`);
  }
  return new URL(url).hostname;
}

async function systemLookup(hostname: string): Promise<Address[]> {
  const found = await dns.lookup(hostname, { all: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}
