/**
 * The members of yt-dlp's output that the processor reads; everything else is passed on unchanged. Any of them may be
 * absent or null, depending on the site.
 */
export interface YtdlpFormat {
  readonly format_id: string;
  readonly url?: string;
  readonly manifest_url?: string;
  /** `https`, `m3u8_native`, `http_dash_segments` … */
  readonly protocol?: string;
  readonly ext?: string;
  readonly container?: string | null;
  /** `none` when the format has no such stream; absent or null when it is unknown. */
  readonly vcodec?: string | null;
  readonly acodec?: string | null;
  readonly width?: number | null;
  readonly height?: number | null;
  readonly fps?: number | null;
  /** Kilobits per second. */
  readonly tbr?: number | null;
  readonly vbr?: number | null;
  readonly abr?: number | null;
  /** Bytes. */
  readonly filesize?: number | null;
  readonly filesize_approx?: number | null;
  /** As the site writes it; YouTube's audio description ends in `-desc`. */
  readonly language?: string | null;
  /** 10 for what the site calls the original, 5 for its default, -1 for others, -10 for audio description. */
  readonly language_preference?: number | null;
  /** What the site says about the format: the name of its audio track, `original`, `dubbed-auto`, `DRC` … */
  readonly format_note?: string | null;
  /** Position among the formats as the source names them. */
  readonly source_order?: number;
  /** Of a DASH manifest: `main`, `dub`, `description`, `commentary` … */
  readonly audio_roles?: readonly string[];
  /** Of an HLS master playlist: the rendition that players choose by default. */
  readonly audio_default?: boolean;
  /** Names and characteristics of a manifest's audio. */
  readonly audio_characteristics?: string | null;
  readonly fragment_base_url?: string | null;
  readonly fragments?: readonly {
    readonly url?: string;
    readonly path?: string;
    readonly duration?: number;
  }[];
  readonly is_live?: boolean;
  readonly has_drm?: boolean | null;
  /** To be sent with every request for this format. */
  readonly http_headers?: Readonly<Record<string, string>>;
  /** Value of the `Cookie` header for this format's URL; absent when there is none. */
  readonly cookie_header?: string;
  readonly [member: string]: unknown;
}

/** A cookie for the address of a format, as a `Set-Cookie` line. */
export interface YtdlpCookie {
  readonly url: string;
  readonly line: string;
}

export interface YtdlpInfo {
  readonly _type?: string;
  readonly id: string;
  readonly title?: string | null;
  readonly description?: string | null;
  /** Seconds. */
  readonly duration?: number | null;
  readonly webpage_url?: string;
  readonly extractor?: string;
  readonly extractor_key?: string;
  /** The address itself is the media, perhaps after redirects. */
  readonly direct?: boolean | null;
  /** Each cookie for any of the formats, once. */
  readonly cookie_lines?: readonly YtdlpCookie[];
  readonly live_status?: string | null;
  readonly is_live?: boolean | null;
  /** Epoch seconds. */
  readonly timestamp?: number | null;
  readonly release_timestamp?: number | null;
  /** `YYYYMMDD`. */
  readonly upload_date?: string | null;
  readonly release_date?: string | null;
  readonly thumbnail?: string | null;
  /** Worst first. */
  readonly thumbnails?: readonly { readonly url?: string }[] | null;
  readonly chapters?:
    | readonly { readonly start_time?: number; readonly end_time?: number; readonly title?: string | null }[]
    | null;
  readonly formats?: readonly YtdlpFormat[];
  readonly requested_formats?: readonly YtdlpFormat[];
  readonly entries?: readonly YtdlpInfo[];
  readonly url?: string;
  readonly subtitles?: Subtitles | null;
  readonly automatic_captions?: Subtitles | null;
  readonly [member: string]: unknown;
}

/** By language tag. */
export type Subtitles = Readonly<
  Record<
    string,
    readonly {
      readonly url?: string;
      readonly ext?: string;
      /** The text itself, if the source gives no address. */
      readonly data?: string;
      /** `m3u8_native` for a playlist of segments. */
      readonly protocol?: string;
    }[]
  >
>;
