import type { SourceIdentity } from "../../schema/wire/source-identity.ts";
import type { YtdlpInfo } from "../tools/ytdlp-info.ts";
import { mediaName } from "./reuse/source-facts.ts";

/** Addresses of streams that are reported: a page that embeds media has few, a site's own say nothing. */
const MAX_STREAMS = 4;
const MAX_URL = 8192;

/**
 * Whose media it is, for the Worker to compare with what the operator denies: the page after redirects, the media's own
 * addresses, and who published it.
 */
export function identityOf(
  info: YtdlpInfo,
  streams: readonly { readonly url: string }[] = [],
): SourceIdentity {
  const texts = (...names: readonly string[]) =>
    names.flatMap((name) => {
      const value = info[name];
      return typeof value === "string" && value !== "" ? [value] : [];
    });
  const unique = (values: readonly string[], longest: number, most: number) =>
    [...new Set(values)].filter(({ length }) => length <= longest).slice(0, most);
  const media = streams.map(({ url }) => url).slice(0, MAX_STREAMS);
  const [extractor = null] = texts("extractor", "extractor_key");
  return {
    urls: unique([...texts("webpage_url", "original_url", "url", "manifest_url"), ...media], MAX_URL, 10),
    extractor: extractor?.slice(0, 200) ?? null,
    media: mediaName(info),
    channels: unique(texts("channel_id", "uploader_id", "channel", "playlist_channel_id"), 300, 10),
    channel_urls: unique(texts("channel_url", "uploader_url"), 2048, 10),
  };
}
