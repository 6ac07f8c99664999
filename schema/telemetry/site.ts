interface KnownSite {
  /** Its name for people. */
  readonly title: string;
  readonly domains: readonly string[];
}

/** Sites that statistics name; everything else is `other`, so that labels stay few. */
const SITES = {
  apple: { title: "Apple Podcasts", domains: ["podcasts.apple.com"] },
  archive: { title: "Internet Archive", domains: ["archive.org"] },
  bandcamp: { title: "Bandcamp", domains: ["bandcamp.com"] },
  bilibili: { title: "Bilibili", domains: ["bilibili.com", "b23.tv"] },
  bluesky: { title: "Bluesky", domains: ["bsky.app"] },
  dailymotion: { title: "Dailymotion", domains: ["dailymotion.com", "dai.ly"] },
  facebook: { title: "Facebook", domains: ["facebook.com", "fb.watch"] },
  instagram: { title: "Instagram", domains: ["instagram.com"] },
  kick: { title: "Kick", domains: ["kick.com"] },
  linkedin: { title: "LinkedIn", domains: ["linkedin.com"] },
  mixcloud: { title: "Mixcloud", domains: ["mixcloud.com"] },
  odysee: { title: "Odysee", domains: ["odysee.com"] },
  pinterest: { title: "Pinterest", domains: ["pinterest.com", "pin.it"] },
  reddit: { title: "Reddit", domains: ["reddit.com", "redd.it"] },
  rumble: { title: "Rumble", domains: ["rumble.com"] },
  soundcloud: { title: "SoundCloud", domains: ["soundcloud.com"] },
  spotify: { title: "Spotify", domains: ["spotify.com"] },
  streamable: { title: "Streamable", domains: ["streamable.com"] },
  ted: { title: "TED", domains: ["ted.com"] },
  tiktok: { title: "TikTok", domains: ["tiktok.com"] },
  twitch: { title: "Twitch", domains: ["twitch.tv"] },
  vimeo: { title: "Vimeo", domains: ["vimeo.com"] },
  vk: { title: "VK", domains: ["vk.com", "vkvideo.ru"] },
  x: { title: "X", domains: ["x.com", "twitter.com"] },
  youtube: { title: "YouTube", domains: ["youtube.com", "youtu.be", "youtube-nocookie.com"] },
} as const satisfies Readonly<Record<string, KnownSite>>;

const SITE_OF_DOMAIN: ReadonlyMap<string, string> = new Map(
  Object.entries(SITES).flatMap(([site, { domains }]) => domains.map((domain) => [domain, site] as const)),
);

/** All domains of the named site that one of them belongs to; undefined for a domain that is none of them. */
export const domainsOfSite = (domain: string): readonly string[] | undefined =>
  Object.values<KnownSite>(SITES).find(({ domains }) => domains.includes(domain))?.domains;

/** The domains of a site by its name; none for other names. */
export const domainsOfNamed = (site: string): readonly string[] =>
  Object.entries(SITES).find(([name]) => name === site)?.[1].domains ?? [];

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

/** The name for people of the site that a URL belongs to; null if it is none of the named ones. */
export function siteTitleOf(url: string): string | null {
  const known: Readonly<Record<string, KnownSite>> = SITES;
  return known[siteOf(url)]?.title ?? null;
}
