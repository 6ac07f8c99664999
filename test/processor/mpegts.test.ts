import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { withBreak } from "../../processor/hls/transport-stream.ts";
import { isUnsupportedMedia } from "../../processor/media/isobmff/box-view.ts";
import { openTransportSource } from "../../processor/media/mpegts/transport-source.ts";
import * as files from "../support/joined-files.ts";
import { type PacketToWrite, readPackets, transportStream } from "../support/transport-stream.ts";

const { changed, MediaBench, TAGS } = files;
const SECONDS = 5.3;
const PACKET_BYTES = 188;

let media: files.MediaBench;

beforeAll(async () => {
  media = await MediaBench.open();
});

afterAll(() => media.close());

const open: files.Open = (stream) => openTransportSource(stream, ["vide", "soun"]);
const failureOf = (...sources: readonly Buffer[]): Promise<unknown> => files.failureOf(open, ...sources);

const video = (options = "size=192x108:rate=25") => [
  ...["-f", "lavfi", "-i", `testsrc2=${options}:duration=${SECONDS}`],
];
const audio = (rate = 44_100) => [
  ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=${rate}:duration=${SECONDS}`],
];
const H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"];
const AAC = ["-c:a", "aac", "-b:a", "96k"];
const STEREO = ["-ac", "2"];

/** Streams as packagers produce them. */
const KINDS = {
  "pictures out of order, and sound": [...video(), ...audio(), ...H264, ...AAC],
  "pictures alone": [...video(), ...H264],
  "pictures in order, stereo of 48 kHz": [
    ...[...video(), ...audio(48_000), ...H264, "-bf", "0", "-tune", "zerolatency", ...AAC, ...STEREO],
  ],
  "groups of pictures that need the one before": [
    ...[...video(), ...audio(), ...H264, "-bf", "3", "-x264-params", "open-gop=1:b-pyramid=normal", ...AAC],
  ],
  "a simple profile, other pixels, colours and languages": [
    ...[...video("size=176x144:rate=30000/1001"), ...audio(22_050), ...H264, "-profile:v", "baseline"],
    ...["-bf", "0", "-vf", "setsar=12/11", "-colorspace", "bt709", "-color_primaries", "bt709"],
    ...["-color_trc", "bt709", ...AAC, "-metadata:s:v", "language=ger", "-metadata:s:a", "language=fre"],
  ],
  "more colours, cropped": [
    ...[...video("size=190x106:rate=25"), ...audio(), "-c:v", "libx264", "-preset", "ultrafast"],
    ...["-pix_fmt", "yuv444p", "-color_range", "pc", "-x264-params", "fullrange=on:cqm=jvt", ...AAC],
  ],
  "pictures of changing rate": [
    ...[...video(), ...audio(), "-vf", "select='not(mod(n,3))+lt(n,30)'", "-vsync", "vfr", ...H264, ...AAC],
  ],
  "sound that begins late": [...video(), "-itsoffset", "0.4", ...audio(), ...H264, ...AAC],
  "pictures that begin late": ["-itsoffset", "0.3", ...video(), ...audio(), ...H264, ...AAC],
  "times that begin again": [...video(), ...audio(), ...H264, ...AAC, "-output_ts_offset", "95441"],
} satisfies Readonly<Record<string, readonly string[]>>;

type KindName = keyof typeof KINDS;

/** The first packet id that ffmpeg assigns. */
const FIRST_PID = 0x100;
const VIDEO_SOURCES = { pid: FIRST_PID, type: 0x1b, streamId: 0xe0 };
const AUDIO = { pid: FIRST_PID, type: 0x0f, streamId: 0xc0 };

const PLAIN = "pictures out of order, and sound";

async function make(name: KindName): Promise<{ file: string; bytes: Buffer }> {
  const file = `${name.replaceAll(/\W/g, "-")}.ts`;
  await media.ffmpeg(...KINDS[name], "-shortest", "-f", "mpegts", file);
  return { file, bytes: await media.read(file) };
}

async function transport(name: string, args: readonly string[]): Promise<Buffer> {
  await media.ffmpeg(...args, "-shortest", "-f", "mpegts", `${name}.ts`);
  return media.read(`${name}.ts`);
}

describe("a transport stream that is converted", () => {
  async function expectAsTheTool(file: string): Promise<void> {
    await media.write("ours.mp4", await files.joined(open, [await media.read(file)]));
    const tags = Object.entries(TAGS).flatMap(([tag, value]) => ["-metadata", `${tag}=${value}`]);
    await media.ffmpeg("-i", file, "-map", "0", "-c", "copy", ...tags, "theirs.mp4");
    expect(await media.streamsOf("ours.mp4")).toEqual(await media.streamsOf("theirs.mp4"));
    expect(await media.packetsOf("ours.mp4")).toEqual(await media.packetsOf("theirs.mp4"));
    // ffmpeg's audio timestamps come from a coarser clock, so that they differ by one sample
    expect(await media.framesOf("ours.mp4")).toEqual(await media.framesOf("theirs.mp4"));
  }

  it.each(Object.keys(KINDS) as KindName[])("matches what ffmpeg makes of it: %s", async (name) => {
    await expectAsTheTool((await make(name)).file);
  });

  it("can be written back, packet by packet", async () => {
    const { bytes } = await make("pictures in order, stereo of 48 kHz");
    const again = transportStream([VIDEO_SOURCES], readPackets(bytes, [FIRST_PID]));
    expect(await failureOf(again)).toBe(null);
  });

  it("has frames of audio that begin in one packet and end in another", async () => {
    const whole = await transport("sound alone", [...audio(), ...AAC]);
    const packets = readPackets(whole, [FIRST_PID]);
    // each packet but the last passes its end to the next one, which keeps the time of the first frame that begins in
    // it
    const shares = packets.map(({ payload }, index) =>
      index === packets.length - 1 ? 0 : payload.length % 97,
    );
    const split = packets.map(({ payload, ...packet }, index) => {
      const end = payload.subarray(payload.length - (shares[index] ?? 0));
      const before = packets[index - 1]?.payload;
      const given = before?.subarray(before.length - (shares[index - 1] ?? 0)) ?? Buffer.alloc(0);
      return { ...packet, payload: Buffer.concat([given, payload.subarray(0, payload.length - end.length)]) };
    });
    await media.write("split.ts", transportStream([AUDIO], split));
    await expectAsTheTool("split.ts");
    expect(split.some(({ payload }) => (payload.readUInt16BE(0) & 0xfff6) !== 0xfff0)).toBe(true);
  });

  it("has a gap in its audio where the source has one", async () => {
    const whole = await transport("sound alone", [...audio(), ...AAC]);
    const packets = readPackets(whole, [FIRST_PID]);
    const later = packets.map(({ shown, ...packet }, index) => ({
      ...packet,
      shown: (shown ?? 0) + (index > 2 ? 45_000 : 0),
    }));
    await media.write("gap.ts", transportStream([AUDIO], later));
    await media.write("ours.mp4", await files.joined(open, [await media.read("gap.ts")]));
    const [[first = {}, ...others] = []] = await media.packetsOf("ours.mp4");
    const last = others.at(-1) ?? {};
    expect(Number(last.pts_time) - Number(first.pts_time)).toBeCloseTo(
      others.length * (1024 / 44_100) + 0.5,
      1,
    );
  });

  it("gives its audio alone when the video is not wanted", async () => {
    const { bytes } = await make(PLAIN);
    const audioOnly: files.Open = (stream) => openTransportSource(stream, ["soun"]);
    await media.write("sound.m4a", await files.joined(audioOnly, [bytes]));
    const [packets = [], others] = await media.packetsOf("sound.m4a");
    expect([packets.length, others]).toEqual([expect.closeTo((SECONDS * 44_100) / 1024, -1), []]);
  });

  it("alternates, so that a player gets audio and video of every second early", async () => {
    const sources = await files.openAll(open, [(await make(PLAIN)).bytes]);
    expect(await files.lastChunks(sources, 2.5)).toEqual({
      vide: expect.closeTo(5, 0),
      soun: expect.closeTo(5, 0),
    });
  });
});

describe("a transport stream that is left to ffmpeg", () => {
  const COPIES = ["-f", "mpegts"];
  const INTERLACED = ["-flags", "+ildct+ilme", "-x264-params", "tff=1"];

  it.each([
    ["pictures of another kind", [...video(), "-c:v", "mpeg2video"]],
    ["pictures of H.265", [...video(), "-c:v", "libx265", "-preset", "ultrafast"]],
    ["sound of another kind", [...audio(), "-c:a", "ac3"]],
    ["two streams of sound", [...audio(), ...audio(), "-map", "0", "-map", "1", ...AAC]],
    ["fields instead of frames", [...video(), ...H264, ...INTERLACED]],
    ["another container", [...video(), ...H264, "-f", "mp4", "-movflags", "+faststart"]],
  ] as const)("has %s", async (name, args) => {
    const file = `${name.replaceAll(" ", "-")}.ts`;
    await media.ffmpeg(...COPIES, ...args, ...(args.includes("mp4" as never) ? [] : COPIES), file);
    const failure = await failureOf(await media.read(file));
    const sources = failure === null ? await files.openAll(open, [await media.read(file)]) : [];
    // a stream that is not among the tracks is left to ffmpeg
    expect(isUnsupportedMedia(failure) || sources.every(({ tracks }) => tracks.length === 0)).toBe(true);
  });

  /** Each with the reason why it is refused. */
  const damages: Readonly<Record<string, readonly [string, (stream: Buffer) => Buffer]>> = {
    "is encrypted": [
      "a damaged or encrypted packet",
      (stream) =>
        changed(stream, (copy) => {
          for (let at = 0; at < copy.length; at += PACKET_BYTES) copy[at + 3] = (copy[at + 3] ?? 0) | 0x80;
        }),
    ],
    "begins in the middle of a group of pictures": [
      "no parameters in front",
      (stream) => {
        const packets = readPackets(stream, [FIRST_PID]);
        return transportStream([VIDEO_SOURCES], packets.slice(3));
      },
    ],
    "has two pictures in a packet": [
      "the beginning of another picture",
      (stream) => {
        const [first, second, ...others] = readPackets(stream, [FIRST_PID]) as [PacketToWrite, PacketToWrite];
        const both = { ...first, payload: Buffer.concat([first.payload, second.payload]) };
        return transportStream([VIDEO_SOURCES], [both, ...others]);
      },
    ],
    "has half a picture in a packet": [
      "no NAL unit where one must begin",
      (stream) => {
        const [first, ...others] = readPackets(stream, [FIRST_PID]) as [PacketToWrite];
        const half = first.payload.length >> 1;
        const [one, two] = [first.payload.subarray(0, half), first.payload.subarray(half)];
        return transportStream(
          [VIDEO_SOURCES],
          [{ ...first, payload: one }, { ...first, payload: two }, ...others],
        );
      },
    ],
    "has pictures without a time": [
      "a picture without its time",
      (stream) => {
        const packets = readPackets(stream, [FIRST_PID]);
        return transportStream(
          [VIDEO_SOURCES],
          packets.map((packet) => ({ ...packet, shown: null })),
        );
      },
    ],
    "has a time that jumps": [
      "a time that jumps",
      (stream) => {
        const packets = readPackets(stream, [FIRST_PID + 1]).map((packet) => ({ ...packet, pid: FIRST_PID }));
        const jumping = packets.map(({ shown, ...packet }, index) => ({
          ...packet,
          shown: (shown ?? 0) + (index > 2 ? 20 * 90_000 : 0),
        }));
        return transportStream([AUDIO], jumping);
      },
    ],
    "begins again": ["a packet is missing", (stream) => Buffer.concat([stream, stream])],
    "begins again, as is announced": [
      "pictures in another order",
      (stream) => Buffer.concat([stream, ...withBreak([stream])]),
    ],
    "lacks a packet": [
      "a packet is missing",
      (stream) =>
        Buffer.concat([stream.subarray(0, 100 * PACKET_BYTES), stream.subarray(101 * PACKET_BYTES)]),
    ],
    "names several programs": [
      "several programs",
      (stream) => transportStream([VIDEO_SOURCES], readPackets(stream, [FIRST_PID]), 2),
    ],
    "ends in the middle of a packet": [
      "half a packet at the end",
      (stream) => stream.subarray(0, stream.length - 100),
    ],
    "loses its step": [
      "no packet where one must begin",
      (stream) => Buffer.concat([stream.subarray(0, 18_800), stream.subarray(18_801)]),
    ],
  };

  it.each(Object.keys(damages))("%s", async (name) => {
    const { bytes } = await make("pictures in order, stereo of 48 kHz");
    const [reason, change] = damages[name] ?? ["", () => bytes];
    const failure = await failureOf(change(bytes));
    expect([isUnsupportedMedia(failure), failure]).toEqual([
      true,
      expect.objectContaining({ message: reason }),
    ]);
  });

  it("changes its parameters midway", async () => {
    const [first, second] = [
      await transport("first", [...video(), ...H264, "-bf", "0"]),
      await transport("second", [
        ...[...video("size=96x96:rate=25"), ...H264, "-bf", "0", "-output_ts_offset", "6"],
      ]),
    ];
    expect(await failureOf(first)).toBe(null);
    const both = Buffer.concat([first, ...withBreak([second])]);
    expect(await failureOf(both)).toMatchObject({ message: "other parameters" });
  });

  test("becomes a file or is refused whatever is damaged in it, never anything else", async () => {
    const { bytes } = await make(PLAIN);
    const short = bytes.subarray(0, 300 * PACKET_BYTES);
    await fc.assert(
      fc.asyncProperty(fc.nat(short.length - 1), fc.nat(255), fc.nat(255), async (at, value, next) => {
        const damaged = changed(short, (copy) => {
          copy[at] = value;
          copy[at + 1] = next;
        });
        const failure = await failureOf(damaged);
        expect(failure === null || isUnsupportedMedia(failure)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});
