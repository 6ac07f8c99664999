import { dataInformation, handlerBox, headerBox, UNITY_MATRIX } from "./common-boxes.ts";
import { box, fullBox, uint16, uint32, uint64 } from "./write-boxes.ts";

/** One chapter of a film, in seconds. */
export interface Chapter {
  readonly start: number;
  readonly end: number;
  readonly title: string;
}

/** Units of the track's time, per second. */
const TIMESCALE = 1000;
/** Units of the list's time, per second. */
const LIST_TIMESCALE = 10_000_000;
const MAX_LISTED = 255;
const MAX_LISTED_BYTES = 255;
const MAX_TITLE_BYTES = 1000;
const IN_MOVIE = 2;
const UND = 0x55c4;
const UTF8_FOLLOWS = uint32(12, 0x656e6364, 0x00000100);
/** How the text would be displayed, if the track did not exist only for its times: one font without a name. */
const TEXT_STYLE = Buffer.concat([
  ...[uint32(1), Buffer.alloc(18), uint16(1), Buffer.alloc(6)],
  box("ftab", uint16(1, 1), Buffer.alloc(1)),
]);

/** The chapters in the media, one sample each: the title with its length, and the mark for UTF-8. */
export function chapterSamples(chapters: readonly Chapter[]): Buffer[] {
  return chapters.map(({ title }) => {
    const text = cut(title, MAX_TITLE_BYTES);
    return Buffer.concat([uint16(text.length), text, UTF8_FOLLOWS]);
  });
}

/**
 * A track of titles, from which Apple's players read chapters. Its samples are the first bytes of the media.
 *
 * @param chapters in their order; the first one begins with the film
 */
export function chapterTrack(
  chapters: readonly Chapter[],
  id: number,
  { isLong, mediaStart }: { readonly isLong: boolean; readonly mediaStart: number },
): Buffer {
  const starts = chapters.map(({ start }) => Math.round(start * TIMESCALE));
  const end = Math.round((chapters.at(-1)?.end ?? 0) * TIMESCALE);
  const durations = starts.map((start, index) => uint32(1, (starts[index + 1] ?? end) - start));
  const samples = chapterSamples(chapters);
  const entry = box("text", Buffer.alloc(6), uint16(1), TEXT_STYLE);
  const tables = box(
    "stbl",
    fullBox("stsd", 0, 0, uint32(1), entry),
    fullBox("stts", 0, 0, uint32(samples.length), ...durations),
    fullBox("stsz", 0, 0, uint32(0, samples.length, ...samples.map(({ length }) => length))),
    fullBox("stsc", 0, 0, uint32(1, 1, samples.length, 1)),
    isLong
      ? fullBox("co64", 0, 0, uint32(1), uint64(mediaStart))
      : fullBox("stco", 0, 0, uint32(1, mediaStart)),
  );
  const generic = fullBox("gmin", 0, 0, uint16(0x40, 0x8000, 0x8000, 0x8000, 0, 0));
  const text = box("text", uint16(1), uint32(0, 0, 0, 1, 0, 0, 0, 0x4000), uint16(0));
  const media = box(
    "mdia",
    headerBox("mdhd", 0, end, [TIMESCALE], uint16(UND, 0)),
    handlerBox("text", "\0\0\0\0", "SubtitleHandler"),
    box("minf", box("gmhd", generic, text), dataInformation(), tables),
  );
  const shownAs = Buffer.concat([Buffer.alloc(16), UNITY_MATRIX, Buffer.alloc(8)]);
  return box("trak", headerBox("tkhd", IN_MOVIE, end, [id, 0], shownAs), media);
}

/** The same in the form that other players read. */
export function chapterList(chapters: readonly Chapter[]): Buffer {
  const listed = chapters.slice(0, MAX_LISTED).flatMap(({ start, title }) => {
    const text = cut(title, MAX_LISTED_BYTES);
    return [uint64(Math.round(start * LIST_TIMESCALE)), Buffer.from([text.length]), text];
  });
  return fullBox("chpl", 1, 0, uint32(0), Buffer.from([listed.length / 3]), ...listed);
}

/** As much of a text as fits, in whole characters. */
function cut(text: string, maxBytes: number): Buffer {
  const bytes = Buffer.from(text);
  let end = Math.min(bytes.length, maxBytes);
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
