/**
 * The variables that make a tool use `url` for every request. `no_proxy` is left out on purpose, as a tool inherits
 * none: to ffmpeg, an empty one means that every host name with a dot at its end goes around the proxy.
 */
export function proxyEnvironment(url: string): Record<string, string> {
  return { http_proxy: url, https_proxy: url, HTTP_PROXY: url, HTTPS_PROXY: url };
}
