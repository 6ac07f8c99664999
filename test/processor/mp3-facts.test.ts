import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { factsOfMp3 } from "../../processor/media/mp3-facts.ts";
import type { Tools } from "../../processor/tools/discover.ts";
import { probeMedia } from "../../processor/tools/ffprobe.ts";
import { findTools } from "../support/found-tools.ts";

const run = promisify(execFile);

let tools: Tools;
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "mp3-facts-"));
  tools = await findTools();
});

afterAll(() => rm(cwd, { recursive: true, force: true }));

/** Noise, so that a varying bit rate varies. */
const NOISE = ["-f", "lavfi", "-i", "anoisesrc=d=7:a=0.3,volume='if(lt(t,3),0.001,1)':eval=frame"];
const COVER = ["-f", "lavfi", "-i", "testsrc=d=1:s=640x480:r=1", "-map", "0", "-map", "1", "-c:v", "png"];

async function encode(...args: readonly string[]): Promise<Buffer> {
  const path = join(cwd, "made.mp3");
  await run(tools.ffmpeg.path, ["-v", "error", "-y", ...NOISE, ...args, "-c:a", "libmp3lame", path]);
  return await readFile(path);
}

const factsOf = (file: Buffer) =>
  factsOfMp3(file.length, async (start, length) => file.subarray(start, start + length));

async function probed(file: Buffer) {
  const path = join(cwd, "media.mp3");
  await writeFile(path, file);
  return await probeMedia(path, { tools, proxy: { url: "http://127.0.0.1:9", blocked: () => [] }, cwd });
}

describe("facts of an MP3 file", () => {
  test.each([
    ["a constant bit rate", ["-b:a", "128k"]],
    ["a constant bit rate without a summary", ["-b:a", "128k", "-write_xing", "0"]],
    ["a varying bit rate", ["-q:a", "4"]],
    ["one channel at 22 kHz", ["-ac", "1", "-ar", "22050", "-b:a", "64k"]],
    ["two channels at 12 kHz", ["-ac", "2", "-ar", "12000", "-q:a", "4"]],
    ["one channel at 48 kHz, without a tag", ["-ac", "1", "-ar", "48000", "-id3v2_version", "0"]],
    ["a picture in its tag", [...COVER, "-b:a", "96k"]],
  ])("are those of ffprobe: %s", async (_, args) => {
    const file = await encode(...args);
    const [facts, seen] = [await factsOf(file), await probed(file)];
    expect(facts).toMatchObject({ audio: { codec: seen.audio?.codec }, video: undefined });
    expect(seen.video).toBeUndefined();
    expect(facts?.durationSeconds).toBeCloseTo(seen.durationSeconds ?? Number.NaN, 2);
  });

  test("are left to a tool where nothing sums up a varying bit rate", async () => {
    expect(await factsOf(await encode("-q:a", "4", "-write_xing", "0"))).toBeNull();
  });

  test("are left to a tool where a summary of another form may know more", async () => {
    const file = await encode("-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0");
    expect(await factsOf(file)).not.toBeNull();
    file.write("VBRI", 36, "latin1");
    expect(await factsOf(file)).toBeNull();
  });

  test("are left to a tool for half of a file, and for two in one", async () => {
    const file = await encode("-q:a", "4");
    expect(await factsOf(file.subarray(0, file.length / 2))).toBeNull();
    expect(await factsOf(Buffer.concat([file, file]))).toBeNull();
  });

  test("are left to a tool for other bytes, between tag and audio, too", async () => {
    const file = await encode("-b:a", "128k", "-id3v2_version", "0");
    expect(await factsOf(file)).not.toBeNull();
    expect(await factsOf(Buffer.concat([Buffer.from("<html>"), file]))).toBeNull();
    expect(await factsOf(Buffer.from("<html>This is no audio</html>"))).toBeNull();
    expect(await factsOf(Buffer.from("ID3\x04\0\0\0\0\x7f\x7f"))).toBeNull();
  });

  test("never fail for any bytes", async () => {
    const file = await encode("-q:a", "4");
    const front = file.subarray(0, 4096);
    const change = fc.tuple(fc.nat({ max: front.length - 1 }), fc.nat({ max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 20 }),
        fc.nat({ max: 4096 }),
        async (changes, length) => {
          const damaged = Buffer.from(front.subarray(0, length));
          for (const [at, value] of changes) if (at < length) damaged[at] = value;
          const facts = await factsOf(damaged);
          expect(facts === null || (facts.durationSeconds ?? 0) > 0).toBe(true);
        },
      ),
    );
  });
});
