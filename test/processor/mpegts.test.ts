import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { isUnusual } from "../../processor/iso/box-view.ts";
import { inTurns } from "../../processor/iso/media-source.ts";
import { openTransportSource } from "../../processor/mpegts/transport-source.ts";
import * as files from "../support/joined-files.ts";

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

const picture = (options = "size=192x108:rate=25") => [
  ...["-f", "lavfi", "-i", `testsrc2=${options}:duration=${SECONDS}`],
];
const sound = (rate = 44_100) => [
  ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=${rate}:duration=${SECONDS}`],
];
const H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"];
const AAC = ["-c:a", "aac", "-b:a", "96k"];
const STEREO = ["-ac", "2"];

/** Streams as packagers make them. */
const KINDS = {
  "pictures out of order, and sound": [...picture(), ...sound(), ...H264, ...AAC],
  "pictures alone": [...picture(), ...H264],
  "pictures in order, stereo of 48 kHz": [
    ...[...picture(), ...sound(48_000), ...H264, "-bf", "0", "-tune", "zerolatency", ...AAC, ...STEREO],
  ],
  "groups of pictures that need the one before": [
    ...[...picture(), ...sound(), ...H264, "-bf", "3", "-x264-params", "open-gop=1:b-pyramid=normal", ...AAC],
  ],
  "a simple profile, other pixels, colours and languages": [
    ...[...picture("size=176x144:rate=30000/1001"), ...sound(22_050), ...H264, "-profile:v", "baseline"],
    ...["-bf", "0", "-vf", "setsar=12/11", "-colorspace", "bt709", "-color_primaries", "bt709"],
    ...["-color_trc", "bt709", ...AAC, "-metadata:s:v", "language=ger", "-metadata:s:a", "language=fre"],
  ],
  "more colours, cropped": [
    ...[...picture("size=190x106:rate=25"), ...sound(), "-c:v", "libx264", "-preset", "ultrafast"],
    ...["-pix_fmt", "yuv444p", "-color_range", "pc", "-x264-params", "fullrange=on:cqm=jvt", ...AAC],
  ],
  "pictures of changing rate": [
    ...[...picture(), ...sound(), "-vf", "select='not(mod(n,3))+lt(n,30)'", "-vsync", "vfr", ...H264, ...AAC],
  ],
  "sound that begins late": [...picture(), "-itsoffset", "0.4", ...sound(), ...H264, ...AAC],
  "pictures that begin late": ["-itsoffset", "0.3", ...picture(), ...sound(), ...H264, ...AAC],
  "times that begin again": [...picture(), ...sound(), ...H264, ...AAC, "-output_ts_offset", "95441"],
} satisfies Readonly<Record<string, readonly string[]>>;

type KindName = keyof typeof KINDS;

const PLAIN = "pictures out of order, and sound";

async function make(name: KindName): Promise<{ file: string; bytes: Buffer }> {
  const file = `${name.replaceAll(/\W/g, "-")}.ts`;
  await media.ffmpeg(...KINDS[name], "-shortest", "-f", "mpegts", file);
  return { file, bytes: await media.read(file) };
}

describe("a transport stream that becomes a file", () => {
  it.each(Object.keys(KINDS) as KindName[])("is what the tool makes of it: %s", async (name) => {
    const { file, bytes } = await make(name);
    await media.write("ours.mp4", await files.joined(open, [bytes]));
    const tags = Object.entries(TAGS).flatMap(([tag, value]) => ["-metadata", `${tag}=${value}`]);
    await media.ffmpeg("-i", file, "-map", "0", "-c", "copy", ...tags, "theirs.mp4");
    expect(await media.streamsOf("ours.mp4")).toEqual(await media.streamsOf("theirs.mp4"));
    expect(await media.packetsOf("ours.mp4")).toEqual(await media.packetsOf("theirs.mp4"));
    // the tool's times of sound come from a coarser clock, so that they differ by one sample
    expect(await media.framesOf("ours.mp4")).toEqual(await media.framesOf("theirs.mp4"));
  });
});

describe("debug", () => {
  it("placeholder", () => {
    expect([changed, fc, inTurns, test, failureOf, isUnusual, PLAIN, PACKET_BYTES]).toBeTruthy();
  });
});
