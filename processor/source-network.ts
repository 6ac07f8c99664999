import type { ProcessorConfig } from "./config.ts";
import type { SourceSession } from "./cookies/source-session.ts";
import type { HostLimits } from "./egress/host-limits.ts";
import { HttpClient } from "./egress/http-client.ts";
import type { EgressPolicy } from "./egress/policy.ts";
import { EgressProxy } from "./egress/proxy.ts";
import type { ProxyRotation } from "./egress/proxy-rotation.ts";
import { Stopwatch } from "./stopwatch.ts";
import type { ExtractionCache } from "./tools/extraction-cache.ts";

/** How one run or probe reaches its source: extraction and media use the same proxy of the operator, or none. */
export interface SourceNetwork {
  /** The operator's proxy; it holds credentials, so it is never logged. */
  readonly upstream: string | undefined;
  /** For tools. */
  readonly proxy: EgressProxy;
  /** For requests of the processor itself. */
  readonly client: HttpClient;
}

export interface SourceNetworkParts {
  readonly policy: EgressPolicy;
  readonly proxies: ProxyRotation;
  readonly extractions: ExtractionCache;
  readonly limits: HostLimits;
  readonly session: Pick<SourceSession, "cookies">;
  readonly config: Pick<ProcessorConfig, "stallSeconds" | "minBytesPerSecond">;
}

/**
 * Opens the network to a source; the caller closes `proxy`. A cached extraction keeps the operator's proxy that it came
 * through.
 *
 * @param waits counts the time in which requests wait for a connection
 */
export async function openSourceNetwork(
  { policy, proxies, extractions, limits, session, config }: SourceNetworkParts,
  url: string,
  waits: Stopwatch = new Stopwatch(),
): Promise<SourceNetwork> {
  const kept = extractions.find(url);
  const upstream = kept ? kept.upstream : proxies.next(new URL(url).hostname);
  const proxy = await EgressProxy.start(policy, { upstream });
  const speed = { stallMs: config.stallSeconds * 1000, minBytesPerSecond: config.minBytesPerSecond };
  const { cookies } = session;
  return { upstream, proxy, client: new HttpClient(policy, upstream, { limits, speed, waits, cookies }) };
}
