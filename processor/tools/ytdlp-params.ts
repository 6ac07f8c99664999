import type { ProcessorConfig } from "../config.ts";
import type { Tools } from "./discover.ts";

/** Parameters of yt-dlp's Python API, by its own names (`format`, `format_sort`, `noplaylist` …). */
export type YtdlpParams = Readonly<Record<string, unknown>>;

/** The operator's settings that reach yt-dlp. */
export type ExtractionConfig = Pick<
  ProcessorConfig,
  | "ytdlpExtractorArgs"
  | "ytdlpUserAgent"
  | "ytdlpPotProviderUrl"
  | "ytdlpPotProvidersByExit"
  | "ytdlpSleepRequests"
  | "ytdlpExtractorRetries"
  | "workDir"
  | "ytdlpMemoryBytes"
  | "ytdlpCpuSeconds"
  | "ytdlpPageBytes"
>;

const SOCKET_TIMEOUT_SECONDS = 20;

/**
 * What every task of yt-dlp gets: all requests through `proxyUrl`, no cache, no configuration files (the Python API
 * reads none), lists never resolved beyond their first entries, missing formats reported as warnings, not as errors.
 */
export function commonParams(
  tools: Pick<Tools, "node">,
  config: ExtractionConfig,
  proxyUrl: string,
  exit: string | null = null,
): YtdlpParams {
  const userAgent = config.ytdlpUserAgent;
  return {
    proxy: proxyUrl,
    quiet: true,
    noprogress: true,
    color: "no_color",
    cachedir: false,
    socket_timeout: SOCKET_TIMEOUT_SECONDS,
    extractor_retries: config.ytdlpExtractorRetries,
    sleep_interval_requests: config.ytdlpSleepRequests,
    extractor_args: extractorArgs(config, exit),
    js_runtimes: { node: { path: tools.node.path } },
    ...(userAgent === undefined ? {} : { http_headers: { "User-Agent": userAgent } }),
  };
}

/** Added for an extraction; the caller's own parameters come after these. */
export const EXTRACT_PARAMS: YtdlpParams = {
  // Set although it is yt-dlp's own choice: to choose on its own, it would start ffmpeg first.
  format: "bv*+ba/b",
  ignore_no_formats_error: true,
  extract_flat: "in_playlist",
  noplaylist: true,
  lazy_playlist: true,
  playlist_items: "1:5",
};

/** Added for listing. */
export const LIST_PARAMS: YtdlpParams = {
  ignore_no_formats_error: true,
  noplaylist: false,
  lazy_playlist: true,
};

/** Added for yt-dlp's own download. */
export const DOWNLOAD_PARAMS: YtdlpParams = {
  retries: 5,
  fragment_retries: 5,
  skip_unavailable_fragments: false,
  overwrites: true,
  updatetime: false,
  // the stages find out what a file is and what it needs
  fixup: "never",
};

/** The PO-token provider for an exit: a token is only valid for the address that asked for it. */
export const potProviderFor = (
  { ytdlpPotProviderUrl, ytdlpPotProvidersByExit }: ExtractionConfig,
  exit: string | null,
): string | undefined => ytdlpPotProvidersByExit.get(exit ?? "") ?? ytdlpPotProviderUrl;

function extractorArgs(
  config: ExtractionConfig,
  exit: string | null,
): Record<string, Record<string, readonly string[]>> {
  const url = potProviderFor(config, exit);
  if (url === undefined) return config.ytdlpExtractorArgs;
  return { "youtubepot-bgutilhttp": { base_url: [url] }, ...config.ytdlpExtractorArgs };
}
