/**
 * The variables that make a tool use `url` for every request. `no_proxy` is left out on purpose, since a tool inherits
 * none: for ffmpeg, an empty one means that every host name with a trailing dot bypasses the proxy.
 */
export function proxyEnvironment(url: string): Record<string, string> {
  return { http_proxy: url, https_proxy: url, HTTP_PROXY: url, HTTPS_PROXY: url };
}
