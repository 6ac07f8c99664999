/** How many connections a source gets; the operator's words. */
export interface ConnectionLimits {
  readonly connectionsPerSource: number;
  /** By host name in lower case; a host stands for all below it, too. */
  readonly connectionsByHost: ReadonlyMap<string, number>;
}

/**
 * Connections that one stream may open to its source at the same time; the nearest host that was named decides.
 *
 * @example connectionsTo("https://eu.cdn.example.net/a.mp4", limits) // what is said of cdn.example.net
 */
export function connectionsTo(url: string, limits: ConnectionLimits): number {
  for (
    let host = new URL(url).hostname;
    host !== "";
    host = host.slice(host.indexOf(".") + 1 || host.length)
  ) {
    const number = limits.connectionsByHost.get(host);
    if (number !== undefined) return number;
  }
  return limits.connectionsPerSource;
}
