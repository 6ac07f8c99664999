import { DIRECT } from "../schema/exits.ts";
import type { ProcessorConfig } from "./config.ts";
import type { SourceSession } from "./cookies/source-session.ts";
import type { HostLimits } from "./egress/host-limits.ts";
import { HttpClient } from "./egress/http-client.ts";
import type { EgressPolicy } from "./egress/policy.ts";
import { EgressProxy } from "./egress/proxy.ts";
import type { ProxyRotation } from "./egress/upstream/proxy-rotation.ts";
import { Stopwatch } from "./stopwatch.ts";
import type { ExtractionCache } from "./tools/extraction-cache.ts";

/** An address from which a source is asked. */
export interface Exit {
  readonly name: string;
  /** The operator's proxy; it holds credentials, so it is never logged. */
  readonly upstream: string | undefined;
  /** ISO 3166-1; null if unknown. */
  readonly country: string | null;
  /** Media is first tried without the proxy, as far as nothing ties it to the exit's address. */
  readonly fetchesDirectly: boolean;
}

/** How one run or probe reaches its source: extraction and media use the same exit. */
export interface SourceNetwork {
  /** The operator's proxy; it holds credentials, so it is never logged. */
  readonly upstream: string | undefined;
  /** For tools. */
  readonly proxy: EgressProxy;
  /** For requests of the processor itself. */
  readonly client: HttpClient;
  /** For media that may be fetched without the exit; null if it may not. */
  readonly directClient: HttpClient | null;
}

export interface SourceNetworkParts {
  readonly policy: EgressPolicy;
  readonly proxies: ProxyRotation;
  readonly extractions: ExtractionCache;
  readonly limits: HostLimits;
  readonly session: Pick<SourceSession, "cookies">;
  readonly config: Pick<ProcessorConfig, "stallSeconds" | "minBytesPerSecond">;
}

/** An exit as the Worker names it. */
interface GivenExit {
  readonly name: string;
  readonly url: string | null;
  readonly country?: string | null;
  readonly media?: "same" | "direct";
}

/** Exits that one run may use, one after the other. */
const MAX_EXITS = 4;

/**
 * The exits of a run or a probe: those that the Worker gave, else the processor's own proxies, else the direct way. A
 * cached extraction keeps the exit that it came through.
 */
export function exitsFor(
  { proxies, extractions }: Pick<SourceNetworkParts, "proxies" | "extractions">,
  url: string,
  given: readonly GivenExit[],
): readonly [Exit, ...Exit[]] {
  const own = given.length > 0 ? [] : proxies.orderFor(new URL(url).hostname);
  const exits = [
    ...given.map(
      (exit): Exit => ({
        name: exit.name,
        upstream: exit.url ?? undefined,
        country: exit.country ?? null,
        fetchesDirectly: exit.media === "direct",
      }),
    ),
    ...own.map((upstream): Exit => ({ name: OWN_PROXY, upstream, country: null, fetchesDirectly: false })),
  ];
  const kept = extractions.find(url);
  // a session of a provider has an address of its own, so its URL is kept, not only the name of its exit
  const isKept = ({ name, upstream }: Exit) =>
    given.length > 0 ? name === kept?.exit : upstream === kept?.upstream;
  const found = kept && exits.find(isKept);
  const order = found
    ? [{ ...found, upstream: kept.upstream }, ...exits.filter((exit) => exit !== found)]
    : exits;
  const [first = DIRECTLY, ...others] = order.slice(0, MAX_EXITS);
  return [first, ...others];
}

/** Name of the processor's own proxies, of which the Worker knows nothing. */
const OWN_PROXY = "proxy";

const DIRECTLY: Exit = { name: DIRECT, upstream: undefined, country: null, fetchesDirectly: false };

/**
 * Opens the network to a source through an exit; the caller closes `proxy`.
 *
 * @param waits counts the time in which requests wait for a connection
 */
export async function openSourceNetwork(
  { policy, limits, session, config }: SourceNetworkParts,
  { upstream, fetchesDirectly }: Exit,
  waits: Stopwatch = new Stopwatch(),
): Promise<SourceNetwork> {
  const proxy = await EgressProxy.start(policy, { upstream });
  const speed = { stallMs: config.stallSeconds * 1000, minBytesPerSecond: config.minBytesPerSecond };
  const options = { limits, speed, waits, cookies: session.cookies };
  return {
    upstream,
    proxy,
    client: new HttpClient(policy, upstream, options),
    directClient: fetchesDirectly ? new HttpClient(policy, undefined, options) : null,
  };
}
