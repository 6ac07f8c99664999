/** The variables that make a tool use `url` for every request; `no_proxy` is empty so that no host goes around it. */
export function proxyEnvironment(url: string): Record<string, string> {
  return { http_proxy: url, https_proxy: url, HTTP_PROXY: url, HTTPS_PROXY: url, no_proxy: "", NO_PROXY: "" };
}
