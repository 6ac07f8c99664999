/** Name and password of a proxy's URL, decoded; null without a name. */
export function loginOf(proxy: URL): { readonly user: string; readonly password: string } | null {
  if (proxy.username === "" && proxy.password === "") return null;
  return { user: decodeURIComponent(proxy.username), password: decodeURIComponent(proxy.password) };
}

/** The host of a URL as sockets take it: IPv6 without brackets. */
export const socketHost = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "");
