/** Maps the many spellings of codecs by sources and tools to the API's names. */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/^(avc|h\.?264|x264)/, "h264"],
  [/^(hev|hvc|h\.?265|x265|dvh)/, "h265"],
  [/^(vp0?9|vp9)/, "vp9"],
  [/^(vp0?8|vp8)/, "vp8"],
  [/^(av0?1|libaom|av1)/, "av1"],
  [/^(mp4a\.(69|6b|34)|mp3|mpga)/, "mp3"],
  [/^(mp4a|aac|m4a)/, "aac"],
  [/^opus/, "opus"],
  [/^vorbis/, "vorbis"],
  [/^(flac|fLaC)/, "flac"],
];

/**
 * @example codecName("avc1.64001F") // "h264"
 * @example codecName("none")        // null
 */
export function codecName(raw: string | null | undefined): string | null {
  const text = raw?.trim().toLowerCase() ?? "";
  if (text === "" || text === "none") return null;
  return SPELLINGS.find(([pattern]) => pattern.test(text))?.[1] ?? text;
}
