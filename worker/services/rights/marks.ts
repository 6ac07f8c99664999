import type { DeniedKind } from "../../../schema/api/operator/denied.ts";
import { sha256Hex } from "../../../schema/bytes.ts";
import { domainsOf, siteName } from "../../../schema/cookies/site-domains.ts";
import { MAX_MARKS } from "../../../schema/job-details.ts";
import { siteOf } from "../../../schema/telemetry/site.ts";
import type { SourceIdentity } from "../../../schema/wire/source-identity.ts";
import { canonicalAddress, parameterSubsets } from "../../lib/canonical-address.ts";
import { spotifyId } from "../../lib/spotify-address.ts";
import { youtubeId } from "../../lib/youtube-address.ts";

/**
 * Marks: texts by which a source is recognised. A denial names one or a few of them, a source has several, and it is denied
 * if they share one. All forms of an address have the same marks.
 *
 * - `url HASH`: of the canonical address. Addresses contain secrets, so that only their hashes are stored.
 * - `media SITE ID`: the site's own name of the media. Its case counts.
 * - `host NAME`: the host and each domain above it.
 * - `site NAME`: the extractor that reads it, for sites with many hosts.
 * - `channel SITE NAME`, `channel HASH`: who published it, by id or handle, and by address.
 * - `bytes SHA256`: of the delivered file.
 */
export type Mark = string;

const HASH_LENGTH = 40;
/** Extractors that name media by its address. */
const NAMELESS = /^(?:generic|html5)/i;

const hashed = async (kind: "url" | "channel", text: string): Promise<Mark> =>
  `${kind} ${(await sha256Hex(text)).slice(0, HASH_LENGTH)}`;

export const bytesMark = (sha256: string): Mark => `bytes ${sha256.toLowerCase()}`;

const mediaMark = (site: string, id: string): Mark => `media ${site.toLowerCase()} ${id}`;

const channelMark = (site: string, name: string): Mark =>
  `channel ${site.toLowerCase()} ${name.toLowerCase()}`.slice(0, 400);

/**
 * The marks of an address; none for a text that is no address.
 *
 * @example await marksOfUrl("https://youtu.be/aqz-KE-bpKQ") // ["media youtube aqz-KE-bpKQ", "host youtu.be", "site youtube", …]
 */
export async function marksOfUrl(url: string): Promise<Mark[]> {
  const parsed = URL.parse(url);
  if (!parsed || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) return [];
  const addresses = parameterSubsets(parsed).map((form) => hashed("url", canonicalAddress(form)));
  const marks = [
    ...mediaMarksOf(parsed),
    ...hostsOf(parsed.hostname).map((host) => `host ${host}`),
    ...(siteOf(url) === "other" ? [] : [`site ${siteOf(url)}`]),
    ...(await Promise.all(addresses)),
    ...(await channelMarksOf(url)),
  ];
  return [...new Set(marks)];
}

/** The marks of what a run or a probe found. */
export async function marksOfIdentity(identity: SourceIdentity | undefined): Promise<Mark[]> {
  if (identity === undefined) return [];
  const { urls, extractor, media, channels, channel_urls } = identity;
  const family = extractor?.split(":")[0]?.toLowerCase() ?? "";
  const site = family === "" || NAMELESS.test(family) ? null : family;
  const [name, ...id] = (media ?? "").split(" ");
  const found = await Promise.all(urls.map(marksOfUrl));
  const publishers = await Promise.all(channel_urls.map(channelMarksOf));
  const marks = [
    ...(name && id.length > 0 ? [mediaMark(name, id.join(" "))] : []),
    ...(site === null ? [] : [`site ${site}`]),
    ...(site === null ? [] : channels.map((channel) => channelMark(site, channel))),
    ...publishers.flat(),
    ...found.flat(),
  ];
  return [...new Set(marks)];
}

/** Those marks of an identity that a job keeps: what its own addresses do not say. */
export const keptMarks = (marks: readonly Mark[]): Mark[] => {
  const rank = (mark: Mark) => KEPT_FIRST.indexOf(mark.slice(0, mark.indexOf(" ")));
  return marks.toSorted((one, other) => rank(one) - rank(other)).slice(0, MAX_MARKS);
};
const KEPT_FIRST = ["media", "channel", "site", "host", "url"];

/**
 * The marks that a denial consists of.
 *
 * @returns null if the value is not of this kind
 * @example await termsOf("site", "YouTube.com") // ["host youtube.com", "host youtu.be", "host youtube-nocookie.com"]
 */
export async function termsOf(kind: DeniedKind, value: string): Promise<Mark[] | null> {
  switch (kind) {
    case "url":
      return termsOfUrl(value);
    case "site":
      return termsOfSite(value);
    case "channel":
      return termsOfChannel(value);
    case "hash":
      return /^[0-9a-f]{64}$/i.test(value) ? [bytesMark(value)] : null;
  }
}

async function termsOfUrl(value: string): Promise<Mark[] | null> {
  const parsed = webAddress(value);
  if (!parsed) return null;
  const media = mediaMarksOf(parsed);
  return media.length > 0 ? media : [await hashed("url", canonicalAddress(parsed))];
}

function termsOfSite(value: string): Mark[] | null {
  const text = value.trim().toLowerCase();
  // the extractor's name, of sites with many hosts
  if (/^[a-z0-9][a-z0-9_-]{0,99}$/.test(text) && !/^\d+$/.test(text)) return [`site ${text}`];
  const address = webAddress(text);
  if (address) return domainsOf(bare(address.hostname)).map((domain) => `host ${domain}`);
  const host = /^\[[0-9a-f:.]+\]$/.test(text) ? text : siteName(text);
  return host === null ? null : domainsOf(bare(host)).map((domain) => `host ${domain}`);
}

/** An address of the channel, or the site and its id or handle there. @example "youtube UC_x5XG1OV2P6uZZ5FSM9Ttw" */
async function termsOfChannel(value: string): Promise<Mark[] | null> {
  const marks = webAddress(value) ? await channelMarksOf(value) : [];
  if (marks.length > 0) return marks;
  const [, site, name] = /^([a-z0-9_-]+)[ :](\S+)$/i.exec(value.trim()) ?? [];
  return site && name ? [channelMark(site, name)] : null;
}

function webAddress(text: string): URL | null {
  const url = URL.parse(text.trim());
  return url && (url.protocol === "http:" || url.protocol === "https:") ? url : null;
}

function mediaMarksOf(url: URL): Mark[] {
  const youtube = youtubeId(withoutPort(url));
  if (youtube !== null) return [mediaMark("youtube", youtube)];
  const spotify = spotifyId(url);
  return spotify === null ? [] : [mediaMark("spotify", spotify)];
}

/** What recognises YouTube leaves out addresses with a name or a port, which lead to the same media. */
function withoutPort(url: URL): URL {
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  plain.port = "";
  plain.hostname = bare(plain.hostname);
  return plain;
}

const bare = (host: string): string =>
  host
    .toLowerCase()
    .replace(/\.$/, "")
    .replace(/^www\./, "");

/** @example hostsOf("a.example.co.uk") // ["a.example.co.uk", "example.co.uk", "co.uk"] */
function hostsOf(hostname: string): string[] {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (host.startsWith("[") || /^[\d.]+$/.test(host) || !host.includes(".")) return [host];
  const labels = host.split(".");
  return labels.slice(0, -1).map((_, first) => labels.slice(first).join("."));
}

/** Tabs of a channel's page. */
const TABS = /\/(?:videos|shorts|streams|featured|live|playlists|podcasts|community|about)\/?$/;

/** The marks of the address of a channel, or of anything else: nobody publishes under the address of a single media item. */
async function channelMarksOf(url: string): Promise<Mark[]> {
  const parsed = webAddress(url);
  if (!parsed) return [];
  parsed.search = "";
  parsed.pathname = parsed.pathname.replace(TABS, "");
  const [first = "", second, third] = parsed.pathname.split("/").filter((segment) => segment !== "");
  if (first === "") return [];
  const site = siteOf(url);
  const named =
    site === "youtube" && first === "channel" && second !== undefined && third === undefined
      ? second
      : second === undefined && site !== "other"
        ? first
        : null;
  return [
    ...(named === null ? [] : [channelMark(site, decoded(named))]),
    await hashed("channel", canonicalAddress(parsed).toLowerCase()),
  ];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
