import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { isUnsupportedMedia } from "../../processor/media/isobmff/box-view.ts";
import { EndedEarlyError } from "../../processor/media/isobmff/byte-stream.ts";
import { openIsoSource } from "../../processor/media/isobmff/iso-source.ts";
import { FrontTooSmallError, JoinedMovie } from "../../processor/media/isobmff/joined-movie.ts";
import type { About } from "../../processor/media/isobmff/movie-boxes.ts";
import { metadataText } from "../../processor/stages/file-metadata.ts";
import * as files from "../support/joined-files.ts";

const { changed, MediaBench, TAGS } = files;
let media: files.MediaBench;

beforeAll(async () => {
  media = await MediaBench.open();
});

afterAll(() => media.close());

const joined = (sources: readonly Buffer[], roomBytes?: number, about?: Partial<About>): Promise<Buffer> =>
  files.joined(openIsoSource, sources, roomBytes, about);
const failureOf = (...sources: readonly Buffer[]): Promise<unknown> =>
  files.failureOf(openIsoSource, ...sources);

const VIDEO = ["-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25:duration=3.3"];
const AUDIO = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=3.5"];
const H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"];
const AAC = ["-c:a", "aac", "-b:a", "96k"];
const H265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1"];
const VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"];
const AV1 = ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"];
const UNEVEN = ["-vf", "select='not(mod(n,3))+lt(n,30)',setsar=4/3", "-vsync", "vfr"];

const WHOLE = ["-movflags", "+faststart"];
const FRAGMENTS = ["-movflags", "+frag_keyframe+delay_moov+default_base_moof"];
const SHORT_FRAGMENTS = ["-movflags", "+delay_moov+default_base_moof", "-frag_duration", "700000"];
const SINGLE_FRAMES = ["-movflags", "+frag_every_frame+delay_moov"];
const DASH = ["-movflags", "+dash+delay_moov+global_sidx+frag_keyframe", "-frag_duration", "1000000"];

interface Stream {
  readonly encode: readonly string[];
  readonly pack: readonly string[];
}

interface Kind {
  readonly video: Stream;
  readonly audio: Stream;
}

const video = (encode: readonly string[], pack: readonly string[]): Stream => ({
  encode: [...VIDEO, ...encode],
  pack,
});
const audio = (encode: readonly string[], pack: readonly string[]): Stream => ({
  encode: [...AUDIO, ...encode],
  pack,
});

/** Files as packagers produce them. */
const KINDS = {
  "whole files with frames out of order": { video: video(H264, WHOLE), audio: audio(AAC, WHOLE) },
  "fragments with frames out of order": {
    video: video(H264, FRAGMENTS),
    audio: audio(AAC, SHORT_FRAGMENTS),
  },
  "fragments of single frames": { video: video(H264, SINGLE_FRAMES), audio: audio(AAC, SINGLE_FRAMES) },
  "segments of DASH with an index of each": { video: video(H264, DASH), audio: audio(AAC, DASH) },
  "one of each": { video: video(H264, FRAGMENTS), audio: audio(AAC, WHOLE) },
  "AV1 and Opus": {
    video: video(AV1, WHOLE),
    audio: audio(["-c:a", "libopus", "-strict", "-2"], SHORT_FRAGMENTS),
  },
  "VP9 and MP3": { video: video(VP9, FRAGMENTS), audio: audio(["-c:a", "libmp3lame"], WHOLE) },
  "H.265": { video: video(H265, FRAGMENTS), audio: audio(AAC, FRAGMENTS) },
  "a picture of changing rate, other pixels and languages": {
    video: video(
      [...UNEVEN, ...H264, "-video_track_timescale", "90000", "-metadata:s:v", "language=ger"],
      FRAGMENTS,
    ),
    audio: audio([...AAC, "-metadata:s:a", "language=fre"], WHOLE),
  },
} satisfies Readonly<Record<string, Kind>>;

type KindName = keyof typeof KINDS;

/** The two files of a kind, whole and as they are packaged. */
async function make(name: KindName) {
  const safe = name.replaceAll(/\W/g, "-");
  const one = async (what: string, { encode, pack }: Stream) => {
    const [whole, packed] = [`${safe}.${what}.whole.mp4`, `${safe}.${what}.packed.mp4`];
    await media.ffmpeg(...encode, ...WHOLE, whole);
    await media.ffmpeg("-i", whole, "-c", "copy", "-map_metadata:s:0", "0:s:0", ...pack, packed);
    return { whole, packed };
  };
  const [video, audio] = await Promise.all([
    one("picture", KINDS[name].video),
    one("sound", KINDS[name].audio),
  ]);
  return { video, audio };
}

/** The last box of a type in a file, such as the one of the chapter track. */
function lastBox(file: Buffer, type: string): Buffer {
  const start = file.lastIndexOf(type, undefined, "latin1") - 4;
  return file.subarray(start, start + file.readUInt32BE(start));
}

describe("tracks that are joined", () => {
  it.each(Object.keys(KINDS) as KindName[])("match what ffmpeg makes of whole files: %s", async (name) => {
    const { video, audio } = await make(name);
    const [ours, theirs] = ["ours.mp4", "theirs.mp4"];
    await media.write(ours, await joined([await media.read(video.packed), await media.read(audio.packed)]));
    const tags = Object.entries(TAGS).flatMap(([tag, value]) => ["-metadata", `${tag}=${value}`]);
    await media.ffmpeg(
      ...["-i", video.whole, "-i", audio.whole, "-map", "0:v", "-map", "1:a", "-c", "copy"],
      ...["-map_metadata:s:v", "0:s:v", "-map_metadata:s:a", "1:s:a", ...tags, theirs],
    );
    expect(await media.streamsOf(ours)).toEqual(await media.streamsOf(theirs));
    expect(await media.packetsOf(ours)).toEqual(await media.packetsOf(theirs));
    expect(await media.decoded(ours)).toEqual(await media.decoded(theirs));
  });

  it("alternate, so that a player gets audio and video of every second early", async () => {
    const { video, audio } = await make("fragments with frames out of order");
    const both = [await media.read(video.packed), await media.read(audio.packed)];
    const sources = await files.openAll(openIsoSource, both);
    expect(await files.lastChunks(sources, 2)).toEqual({
      vide: expect.closeTo(3, 0),
      soun: expect.closeTo(3, 0),
    });
  });

  it("play before the file is complete", async () => {
    const { video, audio } = await make("fragments with frames out of order");
    const whole = await joined([await media.read(video.packed), await media.read(audio.packed)]);
    await media.write("half.mp4", whole.subarray(0, whole.length / 2));
    const { stdout } = await media.ffmpeg(
      ...["-v", "fatal", "-i", "half.mp4", "-map", "0", "-f", "framecrc", "-"],
    );
    const seen = (stream: number) => stdout.match(RegExp(`^${stream},`, "gm"))?.length ?? 0;
    // 25 video frames and 43 audio packets a second
    expect([seen(0) / 25, seen(1) / 43]).toEqual([expect.closeTo(1.6, 0), expect.closeTo(1.6, 0)]);
  });

  it("have a cover next to the audio", async () => {
    const { audio } = await make("fragments with frames out of order");
    await media.ffmpeg("-f", "lavfi", "-i", "color=red:s=64x48", "-frames:v", "1", "cover.jpg");
    const cover = await media.read("cover.jpg");
    await media.write("covered.m4a", await joined([await media.read(audio.packed)], undefined, { cover }));
    await media.ffmpeg("-i", "covered.m4a", "-map", "0:v", "-c", "copy", "-f", "image2", "found.jpg");
    expect(await media.read("found.jpg")).toEqual(cover);
    const attached = ["-show_entries", "stream_disposition=attached_pic", "-of", "csv=p=0", "covered.m4a"];
    expect((await media.ffprobe(...attached)).trim().split("\n")).toEqual(["0", "1"]);
  });

  it("have the same chapters as ffmpeg writes", async () => {
    const { video, audio } = await make("fragments with frames out of order");
    const chapters = [
      { start: 0, end: 1.5, title: "First = one" },
      { start: 1.5, end: 2, title: "Zweites ü" },
      { start: 2, end: 3.3, title: "" },
    ];
    const both = [await media.read(video.packed), await media.read(audio.packed)];
    await media.write("chapters.ours.mp4", await joined(both, undefined, { chapters }));
    await media.write("chapters.txt", metadataText({}, chapters));
    await media.ffmpeg(
      ...["-i", video.whole, "-i", audio.whole, "-f", "ffmetadata", "-i", "chapters.txt", "-c", "copy"],
      ...["-map", "0:v", "-map", "1:a", "-map_chapters", "2", "chapters.theirs.mp4"],
    );
    const seen = async (file: string) =>
      JSON.parse(await media.ffprobe("-show_chapters", "-of", "json", file));
    expect((await seen("chapters.ours.mp4")).chapters).toHaveLength(3);
    expect(await seen("chapters.ours.mp4")).toEqual(await seen("chapters.theirs.mp4"));
    expect(await media.decoded("chapters.ours.mp4")).toBe(await media.decoded("chapters.theirs.mp4"));
    // ffprobe reads only the chapter list; the track that Apple's players read must also match ffmpeg's
    const [ours, theirs] = [await media.read("chapters.ours.mp4"), await media.read("chapters.theirs.mp4")];
    for (const type of ["gmhd", "stts", "stsz", "stsc", "chpl"]) {
      expect([type, lastBox(ours, type)]).toEqual([type, lastBox(theirs, type)]);
    }
    const description = lastBox(ours, "stsd");
    // ffmpeg adds a bitrate after it
    expect(description.subarray(20)).toEqual(lastBox(theirs, "stsd").subarray(20, description.length));
    const samples = lastBox(ours, "stco").readUInt32BE(16);
    expect(ours.toString("utf8", samples + 2, samples + 2 + 11)).toBe("First = one");
    expect(ours.indexOf(Buffer.from("chap\0\0\0\x03", "latin1"))).toBeGreaterThan(0);
  });

  it("fit the space in front of the media, or report how much is missing", async () => {
    const { video, audio } = await make("fragments with frames out of order");
    const files = [await media.read(video.packed), await media.read(audio.packed)];
    const tight = await joined(files);
    const needed = tight.indexOf("mdat", 0, "latin1") + 4;
    const roomy = await joined(files, needed + 5000);
    expect(roomy.length).toBe(tight.length + 5000);
    await media.write("tight.mp4", tight);
    await media.write("roomy.mp4", roomy);
    expect(await media.decoded("roomy.mp4")).toBe(await media.decoded("tight.mp4"));
    for (const [less, missing] of [
      [-7, 1],
      [1, 9],
      [300, 308],
    ] as const) {
      const failure = await joined(files, needed - less).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(FrontTooSmallError);
      expect(failure).toMatchObject({ missingBytes: missing });
    }
  });

  it("have 64-bit offsets where the file is larger than 4 GiB", async () => {
    const { video } = await make("whole files with frames out of order");
    const [source] = await files.openAll(openIsoSource, [await media.read(video.packed)]);
    const tracks = source?.tracks ?? [];
    const movie = new JoinedMovie(tracks, { brand: "isom", tags: TAGS, cover: null, chapters: [] });
    const GIB = 2 ** 30;
    for (let index = 0; index < 6; index++) {
      const sample = { bytes: GIB, time: index * 512, duration: 512, shift: 0, isSync: true };
      for (const track of tracks)
        movie.add({ track, chunk: { seconds: index, bytes: GIB, samples: [sample] } });
    }
    const { bytes, index } = movie.front();
    const table = index.indexOf("co64", 0, "latin1");
    expect(index.readUInt32BE(table + 8)).toBe(6);
    expect(index.readBigUInt64BE(table + 12 + 5 * 8)).toBe(BigInt(bytes.length + 5 * GIB));
    expect(bytes.readBigUInt64BE(bytes.length - 8)).toBe(BigInt(6 * GIB + 16));
  });
});

describe("a file that is left to ffmpeg", () => {
  it.each([
    ["has its index behind the media", [], []],
    ["holds audio and video", ["-movflags", "+faststart"], ["-f", "lavfi", "-i", "sine=duration=1", ...AAC]],
    ["begins late", ["-movflags", "+frag_keyframe+empty_moov+default_base_moof"], []],
    ["is another container", ["-f", "mpegts"], []],
    [
      "is encrypted",
      [...WHOLE, "-encryption_scheme", "cenc-aes-ctr"].concat(
        "-encryption_key",
        "0".repeat(32),
        "-encryption_kid",
        "1".repeat(32),
      ),
      [],
    ],
  ] as const)("%s", async (name, pack, more) => {
    const file = `${name.replaceAll(" ", "-")}.mp4`;
    await media.ffmpeg(...VIDEO, ...more, ...H264, ...pack, file);
    const [failure] = [await failureOf(await media.read(file))];
    expect(failure === null ? name : isUnsupportedMedia(failure)).toBe(true);
  });

  it("ends in the middle", async () => {
    const { video } = await make("fragments with frames out of order");
    const file = await media.read(video.packed);
    expect(await failureOf(file.subarray(0, file.length - 10_000))).toBeInstanceOf(EndedEarlyError);
  });

  it("starts over", async () => {
    const { video } = await make("fragments with frames out of order");
    const file = await media.read(video.packed);
    expect(isUnsupportedMedia(await failureOf(Buffer.concat([file, file])))).toBe(true);
  });

  it("has fragments in another order", async () => {
    const { video } = await make("fragments with frames out of order");
    const file = await media.read(video.packed);
    const time = file.indexOf("tfdt", file.indexOf("tfdt", 0, "latin1") + 4, "latin1");
    const earlier = changed(file, (copy) => copy.fill(0, time + 8, time + 16));
    expect(isUnsupportedMedia(await failureOf(earlier))).toBe(true);
  });

  it("claims to have four thousand million samples", async () => {
    const { video } = await make("whole files with frames out of order");
    const file = await media.read(video.packed);
    const sizes = file.indexOf("stsz", 0, "latin1");
    const endless = changed(file, (copy) => void copy.fill(0xff, sizes + 12, sizes + 16));
    expect(isUnsupportedMedia(await failureOf(endless))).toBe(true);
  });

  test("is joined or refused whatever is damaged in it, never anything else", async () => {
    const { video } = await make("fragments with frames out of order");
    const { audio } = await make("whole files with frames out of order");
    const files = [await media.read(video.packed), await media.read(audio.packed)] as const;
    const heads = files.map((file) => Math.min(file.length, 6000));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(255),
        async (which, where, value) => {
          const at = Math.floor((heads[which] ?? 0) * where);
          const damaged = files.map((file, index) =>
            index === which ? changed(file, (copy) => copy.writeUInt8(value, at)) : file,
          );
          const failure = await failureOf(...damaged);
          expect(failure === null || isUnsupportedMedia(failure) || failure instanceof EndedEarlyError).toBe(
            true,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
