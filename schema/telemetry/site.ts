/** Sites that statistics name, with their domains; everything else is `other`, so that labels stay few. */
const SITES = {
  apple: ["podcasts.apple.com"],
  archive: ["archive.org"],
  bandcamp: ["bandcamp.com"],
  bilibili: ["bilibili.com", "b23.tv"],
  bluesky: ["bsky.app"],
  dailymotion: ["dailymotion.com", "dai.ly"],
  facebook: ["facebook.com", "fb.watch"],
  instagram: ["instagram.com"],
  kick: ["kick.com"],
  linkedin: ["linkedin.com"],
  mixcloud: ["mixcloud.com"],
  odysee: ["odysee.com"],
  pinterest: ["pinterest.com", "pin.it"],
  reddit: ["reddit.com", "redd.it"],
  rumble: ["rumble.com"],
  soundcloud: ["soundcloud.com"],
  spotify: ["spotify.com"],
  streamable: ["streamable.com"],
  ted: ["ted.com"],
  tiktok: ["tiktok.com"],
  twitch: ["twitch.tv"],
  vimeo: ["vimeo.com"],
  vk: ["vk.com", "vkvideo.ru"],
  x: ["x.com", "twitter.com"],
  youtube: ["youtube.com", "youtu.be", "youtube-nocookie.com"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const SITE_OF_DOMAIN: ReadonlyMap<string, string> = new Map(
  Object.entries(SITES).flatMap(([site, domains]) => domains.map((domain) => [domain, site] as const)),
);

/** All domains of the named site that one of them belongs to; undefined for a domain that is none of them. */
export const domainsOfSite = (domain: string): readonly string[] | undefined =>
  Object.values<readonly string[]>(SITES).find((domains) => domains.includes(domain));

/** The domains of a site by its name; none for other names. */
export const domainsOfNamed = (site: string): readonly string[] =>
  Object.entries<readonly string[]>(SITES).find(([name]) => name === site)?.[1] ?? [];

/** Everything that is none of the named sites. */
export const OTHER_SITE = "other";

/** All names of sites, for bounds and tests. */
export const SITE_NAMES: readonly string[] = [...Object.keys(SITES), OTHER_SITE];

/**
 * The site that a URL belongs to in statistics: a known name, or `other`. It never says more of the address.
 *
 * @example siteOf("https://m.youtube.com/watch?v=1") // "youtube"
 */
export function siteOf(url: string): string {
  if (!URL.canParse(url)) return OTHER_SITE;
  const labels = new URL(url).hostname.toLowerCase().split(".");
  for (let first = 0; first < labels.length - 1; first++) {
    const site = SITE_OF_DOMAIN.get(labels.slice(first).join("."));
    if (site !== undefined) return site;
  }
  return OTHER_SITE;
}

/**
 * The site whose limits are shared: a known name, or the host.
 *
 * @example siteKeyOf("https://youtu.be/1") // "youtube"
 * @example siteKeyOf("https://media.example.com/a.mp4") // "media.example.com"
 */
export function siteKeyOf(url: string): string {
  const site = siteOf(url);
  return site === OTHER_SITE && URL.canParse(url) ? new URL(url).hostname : site;
}
