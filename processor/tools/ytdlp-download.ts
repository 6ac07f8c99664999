import type { EgressProxy } from "../egress/proxy.ts";
import type { ExtractorPool, TaskSession } from "./extractor.ts";
import type { TaskProgress } from "./warm-ytdlp.ts";
import type { YtdlpInfo } from "./ytdlp-info.ts";
import { DOWNLOAD_PARAMS, type YtdlpParams } from "./ytdlp-params.ts";

export interface DownloadOptions {
  readonly pool: Pick<ExtractorPool, "download">;
  /** The info of an earlier extraction, unchanged. */
  readonly info: YtdlpInfo;
  /** Ids of the formats to download, each into a separate file. */
  readonly formatIds: readonly string[];
  /** Absolute path of an existing work folder. */
  readonly folder: string;
  readonly options?: YtdlpParams;
  readonly proxy?: Pick<EgressProxy, "url" | "blocked"> | undefined;
  readonly session?: TaskSession | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly onProgress?: (progress: TaskProgress) => void;
}

/**
 * Downloads with yt-dlp's own downloader, for protocols that the processor does not support itself. The extraction is
 * not repeated.
 *
 * @returns the files' paths, in the order of `formatIds`; never empty
 * @throws Fault by the table of tool errors; `network` when yt-dlp succeeds but wrote no file
 */
export function downloadWithTool(download: DownloadOptions): Promise<readonly string[]> {
  const { pool, info, formatIds, folder, options, onProgress, ...task } = download;
  const params = {
    ...DOWNLOAD_PARAMS,
    // A comma downloads each format separately; a plus would merge them.
    format: formatIds.map(selectorOf).join(","),
    paths: { home: folder },
    outtmpl: { default: "%(format_id)s.%(ext)s" },
    restrictfilenames: true,
    ...options,
  };
  return pool.download(info, { ...task, options: params }, onProgress);
}

/** Selects one format by its id, whatever characters the site's id has. */
function selectorOf(formatId: string): string {
  return `b*[format_id="${formatId.replace(/["\\]/g, "\\$&")}"]`;
}
