import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { topBoxes } from "../../processor/media/isobmff/boxes.ts";
import { factsOfIndex } from "../../processor/media/isobmff/facts.ts";
import type { Tools } from "../../processor/tools/discover.ts";
import { probeMedia } from "../../processor/tools/ffprobe.ts";
import { findTools } from "../support/found-tools.ts";
import { type MediaKind, media } from "../support/media.ts";

let tools: Tools;
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "iso-facts-"));
  tools = await findTools();
});

afterAll(() => rm(cwd, { recursive: true, force: true }));

async function indexOf(file: Buffer): Promise<Buffer> {
  const boxes = await topBoxes(file.length, async (start, length) => file.subarray(start, start + length));
  const moov = boxes.find(({ type }) => type === "moov");
  if (!moov) throw new Error("the file has no index");
  return file.subarray(moov.start, moov.end);
}

const read = async (kind: MediaKind) => Buffer.from(await readFile(await media(kind)));
const MATRIX_IN_TKHD = 44;

/** Rotates the video of a file by changing the matrix in the file. */
function rotated(file: Buffer, abcd: readonly [number, number, number, number]): Buffer {
  const matrix = file.indexOf("tkhd") + MATRIX_IN_TKHD;
  for (const [index, offset] of [0, 4, 12, 16].entries()) {
    file.writeInt32BE((abcd[index] ?? 0) * 0x10000, matrix + offset);
  }
  return file;
}

/** What both report about a file. */
async function compare(file: Buffer) {
  const path = join(cwd, "media.mp4");
  await writeFile(path, file);
  const declared = factsOfIndex(await indexOf(file));
  const seen = await probeMedia(path, {
    tools,
    proxy: { url: "http://127.0.0.1:9", blocked: () => [] },
    cwd,
  });
  return { declared, seen };
}

describe("the index of a file", () => {
  test.each(["mp4", "mp4-index-last", "mp4-av1-opus", "video-mp4", "audio-m4a"] as const)(
    "of the kind %s matches what ffprobe reports",
    async (kind) => {
      const { declared, seen } = await compare(await read(kind));
      const { video, audio } = seen;
      expect(declared).toEqual({
        durationSeconds: expect.closeTo(seen.durationSeconds ?? 0, 1),
        video: video && {
          ...{ codec: video.codec, width: video.width, height: video.height },
          fps: expect.closeTo(video.fps ?? 0, 2),
        },
        audio: audio && { codec: audio.codec },
      });
    },
  );

  test.each([
    [0, 1, -1, 0],
    [0, -1, 1, 0],
    [-1, 0, 0, -1],
  ] as const)("reports the dimensions of a video that is rotated by %i %i %i %i", async (...abcd) => {
    const { declared, seen } = await compare(rotated(await read("mp4"), abcd));
    expect(declared?.video).toMatchObject({ width: seen.video?.width, height: seen.video?.height });
  });

  test("reports nothing when something is unsupported", async () => {
    const withByte = (index: Buffer, after: string, offset: number, value: number) => {
      const changed = Buffer.from(index);
      changed[changed.indexOf(after) + offset] = value;
      return factsOfIndex(changed);
    };
    const index = await indexOf(await read("mp4"));
    expect(factsOfIndex(index)).not.toBeNull();
    expect(factsOfIndex(await indexOf(rotated(await read("mp4"), [1, 1, 0, 1])))).toBeNull();
    expect(withByte(index, "elst", 11, 2)).toBeNull();
    expect(withByte(index, "stsd", 11, 2)).toBeNull();
    expect(withByte(index, "avc1", 0, 0x78)).toBeNull();
    expect(withByte(index, "vide", 0, 0x78)).toBeNull();
    expect(factsOfIndex(index.subarray(0, index.length - 100))).toBeNull();
    const timeless = Buffer.from(index);
    timeless.writeUInt32BE(0, timeless.indexOf("mdhd") + 20);
    expect(factsOfIndex(timeless)).toBeNull();
    const fragmented = Buffer.concat([index, Buffer.from([0, 0, 0, 8]), Buffer.from("mvex")]);
    fragmented.writeUInt32BE(fragmented.length, 0);
    expect(factsOfIndex(fragmented)).toBeNull();
  });

  test("is read safely, whatever its bytes are", async () => {
    const index = await indexOf(await read("mp4"));
    const change = fc.tuple(fc.nat(index.length - 1), fc.nat(255));
    const property = fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const changed = Buffer.from(index);
      for (const [at, value] of changes) changed[at] = value;
      const facts = factsOfIndex(changed);
      expect(facts === null || (facts.durationSeconds ?? 0) > 0).toBe(true);
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});
