/** The operator's numbers of connections to sources. */
export interface ConnectionLimits {
  readonly connectionsPerSource: number;
  /** By host name in lower case; a host includes its subdomains. */
  readonly connectionsByHost: ReadonlyMap<string, number>;
}

/**
 * Connections that one stream may open to its source at the same time; the most specific host decides.
 *
 * @example connectionsTo("https://eu.cdn.example.net/a.mp4", limits) // the number for cdn.example.net
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
