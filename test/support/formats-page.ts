import { writeFile } from "node:fs/promises";
import {
  allCases,
  CONTAINER_RULES,
  expectedOf,
  MATRIX_FORMATS,
  MATRIX_SOURCES,
  type MatrixFormat,
  ruleOf,
} from "./matrix.ts";
import { inRepository } from "./repository.ts";

/**
 * The page of formats, generated from the table that the matrix test proves. `node test/support/formats-page.ts` writes
 * it.
 */

export const FORMATS_PAGE = inRepository("docs", "formats.md");

const NAMES: Readonly<Record<string, string>> = {
  h264: "H.264",
  h265: "H.265",
  vp8: "VP8",
  vp9: "VP9",
  av1: "AV1",
  aac: "AAC",
  mp3: "MP3",
  opus: "Opus",
  vorbis: "Vorbis",
  flac: "FLAC",
};
const named = (codec: string): string => NAMES[codec] ?? codec;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const held = (holds: readonly string[] | "any"): string =>
  holds === "any" ? "any" : holds.map(named).join(", ");

const IN_FRONT = { index: "index", cues: "cues", none: "nothing needed" } as const;

function containerRow(format: MatrixFormat): string[] {
  const { video, audio, inFront, cover } = ruleOf(format);
  const otherwise = [video?.otherwise, audio.otherwise].filter((codec) => codec !== undefined).map(named);
  return [
    `\`${format}\``,
    video === null ? "-" : held(video.holds),
    held(audio.holds),
    video?.holds === "any" ? "-" : otherwise.join(" and "),
    IN_FRONT[inFront ?? "none"],
    cover ? "yes" : "-",
  ];
}

/** What `copy` makes of a source; bold where a stream is encoded. */
function cell(source: (typeof MATRIX_SOURCES)[number], format: MatrixFormat): string {
  const expected = expectedOf({ format, source, video: "copy", audio: "copy", quality: "none" });
  if (expected === null) return "`no_format`";
  const streams = [
    [expected.video, source.video],
    [expected.audio, source.audio],
  ] as const;
  return streams
    .flatMap(([made, native]) => {
      if (made === null) return [];
      return made === native ? [named(made)] : [`**${named(made)}**`];
    })
    .join(" + ");
}

export function formatsPage(): string {
  const sources = MATRIX_SOURCES.map((source) => {
    const streams = [source.video, source.audio].filter((codec) => codec !== null).map(named);
    return [
      `${source.name} (${streams.join(" + ")})`,
      ...MATRIX_FORMATS.map((format) => cell(source, format)),
    ];
  });
  return `# Formats

<!-- Written by \`npx node test/support/formats-page.ts\` from test/support/matrix.ts; the matrix test proves every cell. -->

\`npm run matrix\` requests every format, codec and quality of every source below, ${allCases().length.toLocaleString("en")} cases, and holds each result against
this page: container, codecs, duration, dimensions, what stands in front, and what the job reports. The last whole run, in twelve shares
on Debian 12 with ffmpeg 5.1.9 and yt-dlp 2026.10.26 on 24 November 2026, passed every case. The tests run a selection in which all pairs meet.

## What the containers hold

A stream that fits is copied as it is. One that does not fit, or for which a codec was requested that the container does not support, is converted to
the codec of the fourth column, and the job says so in \`adjustments\`. Streams that fit are preferred when the source offers a choice.

${table(["format", "video", "audio", "what does not fit becomes", "in front", "cover"], (Object.keys(CONTAINER_RULES) as MatrixFormat[]).map(containerRow))}

"In front" is what lets a player start or seek before the file is whole. A file that needs no change at all is delivered byte by byte, so it
keeps its own cues, tags and cover; one whose index is at the end is rewritten. Title, artist, date and chapters are written into every
file that is rewritten. Audio files get the source's image as their cover; \`mkv\` gets it with \`download_thumbnail\`.

## Results per source

Requested without codecs (\`copy\`); **bold** is re-encoded.

${table(["source", ...MATRIX_FORMATS.map((format) => `\`${format}\``)], sources)}

## Quality

\`video_quality\` and \`quality_preset\` re-encode video even if it already has the requested codec, \`audio_bitrate\` does so with audio;
without them a stream that already has the codec is copied. \`max_resolution\` selects from what the source offers and does not scale: if everything is
larger, the smallest is used and the job says so.

## Clips

Only the part of the source that holds the clip is fetched. A copy begins at a key frame: \`mp4\`, \`mov\` and \`m4a\` hide what precedes the requested start,
the other containers show it, and the job says where the clip begins (\`actual_clip_start\`, \`actual_clip_duration\`). With a video codec and a quality, which re-encode
the video, the clip begins with exactly the requested frame in every container.
`;
}

if (import.meta.main) await writeFile(FORMATS_PAGE, formatsPage());
