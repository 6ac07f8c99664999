import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { isUnusual } from "../../processor/iso/box-view.ts";
import { ByteStream, EndedEarly } from "../../processor/iso/byte-stream.ts";
import { openIsoSource } from "../../processor/iso/iso-source.ts";
import { FrontTooSmall, JoinedMovie } from "../../processor/iso/joined-movie.ts";
import { inTurns } from "../../processor/iso/media-source.ts";
import type { About } from "../../processor/iso/movie-boxes.ts";
import { metadataText } from "../../processor/stages/file-metadata.ts";

const run = promisify(execFile);
const { FFMPEG_PATH: ffmpegPath = "ffmpeg", FFPROBE_PATH: ffprobePath = "ffprobe" } = process.env;
const TAGS = { title: "Ünïcode; a = b", artist: "Who", date: "2026-11-24" };
/** The moments of a film lie this close together in all of its copies, in seconds. */
const DIGITS = 3;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "join-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const ffmpeg = (...args: readonly string[]) =>
  run(ffmpegPath, ["-nostdin", "-v", "error", "-y", ...args], { cwd: folder });

const PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25:duration=3.3"];
const SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=3.5"];
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
  readonly picture: Stream;
  readonly sound: Stream;
}

const picture = (encode: readonly string[], pack: readonly string[]): Stream => ({
  encode: [...PICTURE, ...encode],
  pack,
});
const sound = (encode: readonly string[], pack: readonly string[]): Stream => ({
  encode: [...SOUND, ...encode],
  pack,
});

/** Files as packagers make them. */
const KINDS = {
  "whole files with frames out of order": { picture: picture(H264, WHOLE), sound: sound(AAC, WHOLE) },
  "fragments with frames out of order": {
    picture: picture(H264, FRAGMENTS),
    sound: sound(AAC, SHORT_FRAGMENTS),
  },
  "fragments of single frames": { picture: picture(H264, SINGLE_FRAMES), sound: sound(AAC, SINGLE_FRAMES) },
  "segments of DASH with an index of each": { picture: picture(H264, DASH), sound: sound(AAC, DASH) },
  "one of each": { picture: picture(H264, FRAGMENTS), sound: sound(AAC, WHOLE) },
  "AV1 and Opus": {
    picture: picture(AV1, WHOLE),
    sound: sound(["-c:a", "libopus", "-strict", "-2"], SHORT_FRAGMENTS),
  },
  "VP9 and MP3": { picture: picture(VP9, FRAGMENTS), sound: sound(["-c:a", "libmp3lame"], WHOLE) },
  "H.265": { picture: picture(H265, FRAGMENTS), sound: sound(AAC, FRAGMENTS) },
  "a picture of changing rate, other pixels and languages": {
    picture: picture(
      [...UNEVEN, ...H264, "-video_track_timescale", "90000", "-metadata:s:v", "language=ger"],
      FRAGMENTS,
    ),
    sound: sound([...AAC, "-metadata:s:a", "language=fre"], WHOLE),
  },
} satisfies Readonly<Record<string, Kind>>;

type KindName = keyof typeof KINDS;

/** The two files of a kind, whole and as they are packed. */
async function make(name: KindName) {
  const safe = name.replaceAll(/\W/g, "-");
  const one = async (what: string, { encode, pack }: Stream) => {
    const [whole, packed] = [`${safe}.${what}.whole.mp4`, `${safe}.${what}.packed.mp4`];
    await ffmpeg(...encode, ...WHOLE, whole);
    await ffmpeg("-i", whole, "-c", "copy", "-map_metadata:s:0", "0:s:0", ...pack, packed);
    return { whole, packed };
  };
  const [video, audio] = await Promise.all([
    one("picture", KINDS[name].picture),
    one("sound", KINDS[name].sound),
  ]);
  return { video, audio };
}

const read = (file: string): Promise<Buffer> => readFile(join(folder, file));

/** In pieces of all sizes. */
async function* pieces(file: Buffer): AsyncGenerator<Buffer[]> {
  for (let at = 0, size = 1; at < file.length; at += size, size = (size * 7 + 3) % 9001) {
    const half = at + (size >> 1);
    yield [file.subarray(at, half), file.subarray(half, at + size)];
  }
}

async function joined(
  files: readonly Buffer[],
  roomBytes?: number,
  about: Partial<About> = {},
): Promise<Buffer> {
  const sources = await Promise.all(files.map((file) => openIsoSource(new ByteStream(pieces(file)))));
  const tracks = sources.flatMap((source) => source.tracks);
  const movie = new JoinedMovie(tracks, { brand: "isom", tags: TAGS, cover: null, chapters: [], ...about });
  const media: Buffer[] = [movie.opening];
  for await (const turn of inTurns(sources)) {
    movie.add(turn);
    await turn.pour((chunk) => void media.push(Buffer.from(chunk)));
  }
  return Buffer.concat([movie.front(roomBytes).bytes, ...media]);
}

/** All that a player is given, packet by packet. */
async function packetsOf(file: string): Promise<unknown[]> {
  const entries = "pts_time,dts_time,duration_time,size,flags,data_hash";
  const { stdout } = await run(
    ffprobePath,
    [
      ...["-v", "error", "-show_packets", "-show_data_hash", "md5", "-of", "json"],
      ...["-show_entries", `packet=stream_index,${entries}:packet_side_data`, file],
    ],
    { cwd: folder, maxBuffer: 1 << 26 },
  );
  const { packets } = JSON.parse(stdout) as { packets: Record<string, unknown>[] };
  const rounded = packets.map((packet) =>
    Object.fromEntries(
      Object.entries(packet).map(([name, value]) => [
        name,
        name.endsWith("_time") ? Number(Number(value).toFixed(DIGITS)) : value,
      ]),
    ),
  );
  return [0, 1].map((index) => rounded.filter((packet) => packet.stream_index === index));
}

async function streamsOf(file: string): Promise<unknown> {
  const entries = [
    "codec_name,profile,codec_tag_string,width,height,sample_aspect_ratio,pix_fmt,sample_rate,channels",
    "nb_frames,start_time,extradata_hash:stream_tags=language:stream_disposition=default",
    ":format=start_time:format_tags=title,artist,date",
  ];
  const { stdout } = await run(
    ffprobePath,
    [
      ...["-v", "error", "-show_data_hash", "md5", "-of", "json"],
      ...["-show_entries", `stream=${entries[0]},${entries[1]}${entries[2]}`, file],
    ],
    { cwd: folder },
  );
  return JSON.parse(stdout);
}

/** Every picture and every sound that comes out of it. */
async function decoded(file: string): Promise<string> {
  const { stdout, stderr } = await run(
    ffmpegPath,
    ["-nostdin", "-v", "error", "-i", file, "-f", "framemd5", "-"],
    { cwd: folder, maxBuffer: 1 << 26 },
  );
  expect(stderr).toBe("");
  return stdout.replaceAll(/^#.*\n/gm, "");
}

/** The box of a type that stands last in a file, as the track of chapters does. */
function lastBox(file: Buffer, type: string): Buffer {
  const start = file.lastIndexOf(type, undefined, "latin1") - 4;
  return file.subarray(start, start + file.readUInt32BE(start));
}

describe("tracks that are joined", () => {
  it.each(Object.keys(KINDS) as KindName[])("are what the tool makes of whole files: %s", async (name) => {
    const { video, audio } = await make(name);
    const [ours, theirs] = ["ours.mp4", "theirs.mp4"];
    await writeFile(join(folder, ours), await joined([await read(video.packed), await read(audio.packed)]));
    const tags = Object.entries(TAGS).flatMap(([tag, value]) => ["-metadata", `${tag}=${value}`]);
    await ffmpeg(
      ...["-i", video.whole, "-i", audio.whole, "-map", "0:v", "-map", "1:a", "-c", "copy"],
      ...["-map_metadata:s:v", "0:s:v", "-map_metadata:s:a", "1:s:a", ...tags, theirs],
    );
    expect(await streamsOf(ours)).toEqual(await streamsOf(theirs));
    expect(await packetsOf(ours)).toEqual(await packetsOf(theirs));
    expect(await decoded(ours)).toEqual(await decoded(theirs));
  });

  it("take turns, so that a player has sound and picture of every second early", async () => {
    const { video, audio } = await make("fragments with frames out of order");
    const sources = await Promise.all(
      [video.packed, audio.packed].map(async (file) =>
        openIsoSource(new ByteStream(pieces(await read(file)))),
      ),
    );
    const seconds = { vide: 0, soun: 0 };
    for await (const turn of inTurns(sources)) {
      seconds[turn.track.kind as keyof typeof seconds] = turn.chunk.seconds;
      expect(Math.abs(seconds.vide - seconds.soun)).toBeLessThan(2);
      await turn.pour(() => {});
    }
    expect(seconds).toEqual({ vide: expect.closeTo(3, 0), soun: expect.closeTo(3, 0) });
  });

  it("play before the file is whole", async () => {
    const { video, audio } = await make("fragments with frames out of order");
    const whole = await joined([await read(video.packed), await read(audio.packed)]);
    await writeFile(join(folder, "half.mp4"), whole.subarray(0, whole.length / 2));
    const frames = await run(
      ffmpegPath,
      ["-nostdin", "-v", "fatal", "-i", "half.mp4", "-map", "0", "-f", "framecrc", "-"],
      { cwd: folder },
    );
    const seen = (stream: number) => frames.stdout.match(RegExp(`^${stream},`, "gm"))?.length ?? 0;
    // 25 pictures and 43 packets of sound a second
    expect([seen(0) / 25, seen(1) / 43]).toEqual([expect.closeTo(1.6, 0), expect.closeTo(1.6, 0)]);
  });

  it("have a cover beside the sound", async () => {
    const { audio } = await make("fragments with frames out of order");
    await ffmpeg("-i", audio.whole, "-filter_complex", "color=red:s=64x48", "-frames:v", "1", "cover.jpg");
    const cover = await read("cover.jpg");
    await writeFile(
      join(folder, "covered.m4a"),
      await joined([await read(audio.packed)], undefined, { cover }),
    );
    await ffmpeg("-i", "covered.m4a", "-map", "0:v", "-c", "copy", "-f", "image2", "found.jpg");
    expect(await read("found.jpg")).toEqual(cover);
    const { stdout } = await run(
      ffprobePath,
      ["-v", "error", "-show_entries", "stream_disposition=attached_pic", "-of", "csv=p=0", "covered.m4a"],
      { cwd: folder },
    );
    expect(stdout.trim().split("\n")).toEqual(["0", "1"]);
  });

  it("have chapters as the tool writes them", async () => {
    const { video, audio } = await make("fragments with frames out of order");
    const chapters = [
      { start: 0, end: 1.5, title: "First = one" },
      { start: 1.5, end: 2, title: "Zweites ü" },
      { start: 2, end: 3.3, title: "" },
    ];
    const files = [await read(video.packed), await read(audio.packed)];
    await writeFile(join(folder, "chapters.ours.mp4"), await joined(files, undefined, { chapters }));
    await writeFile(join(folder, "chapters.txt"), metadataText({}, chapters));
    await ffmpeg(
      ...["-i", video.whole, "-i", audio.whole, "-f", "ffmetadata", "-i", "chapters.txt", "-c", "copy"],
      ...["-map", "0:v", "-map", "1:a", "-map_chapters", "2", "chapters.theirs.mp4"],
    );
    const seen = async (file: string) => {
      const { stdout } = await run(ffprobePath, ["-v", "error", "-show_chapters", "-of", "json", file], {
        cwd: folder,
      });
      return JSON.parse(stdout);
    };
    expect((await seen("chapters.ours.mp4")).chapters).toHaveLength(3);
    expect(await seen("chapters.ours.mp4")).toEqual(await seen("chapters.theirs.mp4"));
    expect(await decoded("chapters.ours.mp4")).toBe(await decoded("chapters.theirs.mp4"));
    // this tool reads the list alone; what Apple's players read must be as the tool writes it, too
    const [ours, theirs] = [await read("chapters.ours.mp4"), await read("chapters.theirs.mp4")];
    for (const type of ["gmhd", "stts", "stsz", "stsc", "chpl"]) {
      expect([type, lastBox(ours, type)]).toEqual([type, lastBox(theirs, type)]);
    }
    const description = lastBox(ours, "stsd");
    // the tool adds a bitrate behind it
    expect(description.subarray(20)).toEqual(lastBox(theirs, "stsd").subarray(20, description.length));
    const samples = lastBox(ours, "stco").readUInt32BE(16);
    expect(ours.toString("utf8", samples + 2, samples + 2 + 11)).toBe("First = one");
    expect(ours.indexOf(Buffer.from("chap\0\0\0\x03", "latin1"))).toBeGreaterThan(0);
  });

  it("keep to the room in front of the media, or say how much is missing", async () => {
    const { video, audio } = await make("fragments with frames out of order");
    const files = [await read(video.packed), await read(audio.packed)];
    const tight = await joined(files);
    const needed = tight.indexOf("mdat", 0, "latin1") + 4;
    const roomy = await joined(files, needed + 5000);
    expect(roomy.length).toBe(tight.length + 5000);
    await writeFile(join(folder, "tight.mp4"), tight);
    await writeFile(join(folder, "roomy.mp4"), roomy);
    expect(await decoded("roomy.mp4")).toBe(await decoded("tight.mp4"));
    for (const [less, missing] of [
      [-7, 1],
      [1, 9],
      [300, 308],
    ] as const) {
      const failure = await joined(files, needed - less).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(FrontTooSmall);
      expect(failure).toMatchObject({ missingBytes: missing });
    }
  });

  it("have offsets of 64 bits where the file is larger than 4 GiB", async () => {
    const { video } = await make("whole files with frames out of order");
    const { tracks } = await openIsoSource(new ByteStream(pieces(await read(video.packed))));
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

/** What happens to a file on its way to us. */
const afterwards = (file: Buffer, change: (file: Buffer) => void): Buffer => {
  const copy = Buffer.from(file);
  change(copy);
  return copy;
};

describe("a file that is left to the tool", () => {
  const failureOf = (...files: readonly Buffer[]) =>
    joined(files).then(
      () => null,
      (error: unknown) => error,
    );

  it.each([
    ["has its index behind the media", [], []],
    [
      "holds sound and picture",
      ["-movflags", "+faststart"],
      ["-f", "lavfi", "-i", "sine=duration=1", ...AAC],
    ],
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
    await ffmpeg(...PICTURE, ...more, ...H264, ...pack, file);
    const [failure] = [await failureOf(await read(file))];
    expect(failure === null ? name : isUnusual(failure)).toBe(true);
  });

  it("ends in the middle", async () => {
    const { video } = await make("fragments with frames out of order");
    const file = await read(video.packed);
    expect(await failureOf(file.subarray(0, file.length - 10_000))).toBeInstanceOf(EndedEarly);
  });

  it("begins again", async () => {
    const { video } = await make("fragments with frames out of order");
    const file = await read(video.packed);
    expect(isUnusual(await failureOf(Buffer.concat([file, file])))).toBe(true);
  });

  it("has fragments in another order", async () => {
    const { video } = await make("fragments with frames out of order");
    const file = await read(video.packed);
    const time = file.indexOf("tfdt", file.indexOf("tfdt", 0, "latin1") + 4, "latin1");
    const earlier = afterwards(file, (copy) => copy.fill(0, time + 8, time + 16));
    expect(isUnusual(await failureOf(earlier))).toBe(true);
  });

  it("says that it has four thousand million samples", async () => {
    const { video } = await make("whole files with frames out of order");
    const file = await read(video.packed);
    const sizes = file.indexOf("stsz", 0, "latin1");
    const endless = afterwards(file, (copy) => void copy.fill(0xff, sizes + 12, sizes + 16));
    expect(isUnusual(await failureOf(endless))).toBe(true);
  });

  test("whatever is damaged in it, it is joined or refused, never anything else", async () => {
    const { video } = await make("fragments with frames out of order");
    const { audio } = await make("whole files with frames out of order");
    const files = [await read(video.packed), await read(audio.packed)] as const;
    const heads = files.map((file) => Math.min(file.length, 6000));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(255),
        async (which, where, value) => {
          const at = Math.floor((heads[which] ?? 0) * where);
          const damaged = files.map((file, index) =>
            index === which ? afterwards(file, (copy) => copy.writeUInt8(value, at)) : file,
          );
          const failure = await failureOf(...damaged);
          expect(failure === null || isUnusual(failure) || failure instanceof EndedEarly).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
