import { domainsOfSite } from "../telemetry/site.ts";

/**
 * The site of a jar by its name, as callers write it: a host without scheme, path and `www.`.
 *
 * @returns null for a text that names no host
 * @example siteName("www.YouTube.com") // "youtube.com"
 */
export function siteName(text: string): string | null {
  const trimmed = text.trim();
  const url = `http://${trimmed}/`;
  if (!/^[^\s/?#@:[\]\\]+$/.test(trimmed) || !URL.canParse(url)) return null;
  const host = new URL(url).hostname.replace(/\.$/, "").replace(/^www\./, "");
  return host === "localhost" || (host.includes(".") && !host.startsWith(".")) ? host : null;
}

/** All domains whose pages and cookies belong to a site. @example domainsOf("x.com") // ["x.com", "twitter.com"] */
export const domainsOf = (site: string): readonly string[] => domainsOfSite(site) ?? [site];

/** Whether a host is one of these domains or below one. */
export const isWithin = (host: string, domains: readonly string[]): boolean =>
  domains.some((domain) => host === domain || host.endsWith(`.${domain}`));
