import { chmod, copyFile, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../processor/config.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { liveToolCount } from "../../processor/tools/exec.ts";
import { type FfmpegProgress, runFfmpeg, startFfmpeg } from "../../processor/tools/ffmpeg.ts";
import { probeMedia } from "../../processor/tools/ffprobe.ts";
import { imageFile, mediaFile, ToolInput } from "../../processor/tools/tool-input.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";

const config = readConfig({
  ...process.env,
  WORKER_URL: "http://127.0.0.1:1",
  PROCESSOR_TOKEN: "0123456789abcdef",
});

let tools: Tools;
let cwd: string;
let origin: Origin;
let policy: EgressPolicy;
let proxy: EgressProxy;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "media test-"));
  [tools, origin] = await Promise.all([discoverTools(config), startOrigin()]);
  policy = new EgressPolicy({ opened: new Set([origin.host]) });
  proxy = await EgressProxy.start(policy);
});

afterAll(async () => {
  await proxy.close();
  policy.close();
  await origin.close();
  await rm(cwd, { recursive: true });
  expect(liveToolCount()).toBe(0);
});

const make = (...inputs: ToolInput[]) => ({ tools, proxy, cwd, inputs, purpose: "make" }) as const;
const ffmpeg = (inputs: ToolInput[], args: string[], signal?: AbortSignal) =>
  runFfmpeg({ ...make(...inputs), args, signal });
const probe = (input: string) => probeMedia(input, { tools, proxy, cwd });

async function truncatedCopy(file: string, name: string): Promise<string> {
  const path = join(cwd, name);
  await copyFile(file, path);
  const handle = await open(path, "r+");
  const { size } = await handle.stat();
  await handle.truncate(Math.floor(size / 2));
  await handle.close();
  return path;
}

describe("discovery", () => {
  test("finds the tools, their versions and yt-dlp's own Python", () => {
    expect(tools.ytdlp).toMatchObject({
      version: expect.stringMatching(/^\d{4}\./),
      channel: expect.stringMatching(/^(stable|nightly|master)$/),
      python: expect.stringContaining("python"),
    });
    expect(tools.ffmpeg.version).toMatch(/^\d|^[nN]/);
    expect(tools.node.path).toBe(process.execPath);
  });

  test("says for each missing tool what to install", async () => {
    const missing = discoverTools({
      ...config,
      searchPath: cwd,
      ytdlpPath: undefined,
      ffmpegPath: "/nowhere/ffmpeg",
    });
    await expect(missing).rejects.toThrow(/yt-dlp was not found on the PATH; install it with: .*pip install/);
    await expect(missing).rejects.toThrow(
      /ffmpeg is not an executable file at \/nowhere\/ffmpeg; .*brew install ffmpeg/,
    );
    await expect(missing).rejects.toThrow(/ffprobe was not found/);
  });

  test("refuses a yt-dlp of another release channel than the requested one", async () => {
    const { channel } = tools.ytdlp;
    const other = channel === "nightly" ? "master" : "nightly";
    await expect(discoverTools({ ...config, ytdlpChannel: other })).rejects.toThrow(
      `is yt-dlp of the channel ${channel}, and YTDLP_CHANNEL asks for ${other}; install that with: npm run setup`,
    );
  });

  test("refuses a yt-dlp that is not a Python program, or whose Python has no yt_dlp", async () => {
    const binary = join(cwd, "yt-dlp-binary");
    await writeFile(binary, "\x7fELF");
    await chmod(binary, 0o755);
    await expect(discoverTools({ ...config, ytdlpPath: binary })).rejects.toThrow(/stand-alone build/);
    const script = join(cwd, "yt-dlp-script");
    await writeFile(join(cwd, "python9"), "#!/bin/sh\nexit 1\n");
    await writeFile(script, "#!/usr/bin/env python9\n");
    await Promise.all([chmod(join(cwd, "python9"), 0o755), chmod(script, 0o755)]);
    const searchPath = `${cwd}:${config.searchPath}`;
    const broken = discoverTools({ ...config, searchPath, ytdlpPath: script });
    await expect(broken).rejects.toThrow(/has no module yt_dlp/);
  });
});

describe("ffmpeg", () => {
  test("remuxes and reports its progress", async () => {
    const seen: FfmpegProgress[] = [];
    const input = await mediaFile(await media("mp4"));
    const args = ["-c", "copy", "out.mkv"];
    await runFfmpeg({ ...make(input), args, onProgress: (progress) => seen.push(progress) });
    const last = seen.at(-1);
    expect(last?.outTimeMs).toBeGreaterThan(2000);
    expect(last?.totalSize).toBeGreaterThan(1000);
    await expect(probe(join(cwd, "out.mkv"))).resolves.toMatchObject({ container: "mkv" });
  });

  test("reports how many bytes an index in front lacks, and works with them", async () => {
    const input = await mediaFile(await media("mp4"));
    const mux = (bytes: number) => ffmpeg([input], ["-c", "copy", "-moov_size", String(bytes), "moov.mp4"]);
    const { moovShortfallBytes = 0 } = await mux(500);
    expect(moovShortfallBytes).toBeGreaterThan(0);
    await expect(mux(500 + moovShortfallBytes)).resolves.toMatchObject({ moovShortfallBytes: undefined });
    await expect(probe(join(cwd, "moov.mp4"))).resolves.toMatchObject({ video: { codec: "h264" } });
  });

  test("streams an output to the caller's reader", async () => {
    const input = await mediaFile(await media("mp4"));
    const args = ["-c", "copy", "-f", "matroska", "pipe:1"];
    const { stdout, finished } = startFfmpeg({ ...make(input), args, stdout: "pipe" });
    const chunks = await stdout?.toArray();
    await finished;
    expect(Buffer.concat(chunks ?? []).subarray(0, 4)).toEqual(Buffer.from([0x1a, 0x45, 0xdf, 0xa3]));
  });

  test("classifies errors by the table of errors", async () => {
    const whole = await media("mp4");
    const part = await mediaFile(await truncatedCopy(whole, "part.mp4"));
    const copyTo = (input: ToolInput, name: string) => ffmpeg([input], ["-c", "copy", name]);
    await expect(copyTo(part, "o.mkv")).rejects.toMatchObject({ code: "truncated" });
    await expect(copyTo(await mediaFile(whole), "o.webm")).rejects.toMatchObject({ code: "processing" });
    for (const [status, code] of [
      [403, "forbidden"],
      [404, "unavailable"],
      [503, "network"],
    ] as const) {
      const failed = copyTo(ToolInput.url(`${origin.url}/status/${status}`, "mov"), "o.mkv");
      await expect(failed).rejects.toMatchObject({ code });
    }
  });

  test("stops on abort with the signal's reason", async () => {
    origin.put("/hang.mp4", Buffer.alloc(1));
    origin.behave("/hang.mp4", { hang: true });
    const abort = new AbortController();
    const reason = new Error("cancelled");
    const input = ToolInput.url(`${origin.url}/hang.mp4`, "mov");
    const run = ffmpeg([input], ["-c", "copy", "o.mkv"], abort.signal);
    await origin.waitForHit("/hang.mp4");
    abort.abort(reason);
    await expect(run).rejects.toBe(reason);
  });

  test("gives up on a source that falls silent, when given a time to wait", async () => {
    origin.put("/mute.mp4", Buffer.alloc(1));
    origin.behave("/mute.mp4", { hang: true });
    const input = ToolInput.url(`${origin.url}/mute.mp4`, "mov");
    const args = ["-c", "copy", "o.mkv"];
    await expect(runFfmpeg({ ...make(input), args, stallMs: 200 })).rejects.toMatchObject({
      code: "network",
    });
  });

  test("accepts no input but a named one", () => {
    expect(() => startFfmpeg({ ...make(), args: ["-i", "a.mp4"] })).toThrow(/ToolInput/);
  });
});

describe("ffprobe", () => {
  test("reads streams, duration and size", async () => {
    await expect(
      probe(await media("mp4", { seconds: 2, width: 320, height: 180, fps: 25 })),
    ).resolves.toMatchObject({
      container: "mp4",
      durationSeconds: expect.closeTo(2, 0),
      sizeBytes: expect.any(Number),
      video: { codec: "h264", width: 320, height: 180, fps: 25 },
      audio: { codec: "aac", channels: expect.any(Number), sampleRate: expect.any(Number) },
    });
    await expect(probe(await media("webm"))).resolves.toMatchObject({
      container: "webm",
      audio: { codec: "opus" },
    });
    await expect(probe(await media("audio-m4a"))).resolves.toMatchObject({
      container: "m4a",
      video: undefined,
    });
  });

  test("swaps the sides of a rotated video", async () => {
    const input = await mediaFile(await media("mp4"));
    await ffmpeg([input], ["-c", "copy", "-metadata:s:v:0", "rotate=90", "turned.mp4"]);
    await expect(probe(join(cwd, "turned.mp4"))).resolves.toMatchObject({
      video: { width: 180, height: 320 },
    });
  });

  test("does not mistake a cover image for video", async () => {
    const [song, cover] = await Promise.all([media("audio-m4a"), media("jpg")]);
    const maps = ["-map", "0:a", "-map", "1:v", "-c", "copy", "-disposition:v:0", "attached_pic"];
    await ffmpeg([await mediaFile(song), await imageFile(cover)], [...maps, "cover.m4a"]);
    await expect(probe(join(cwd, "cover.m4a"))).resolves.toMatchObject({
      container: "m4a",
      video: undefined,
    });
  });

  test("distinguishes a file that is not media from a damaged one, whatever their names", async () => {
    await writeFile(join(cwd, "-odd:name.mp4"), "not a video");
    await expect(probe(join(cwd, "-odd:name.mp4"))).rejects.toMatchObject({ code: "unsupported_url" });
    await writeFile(join(cwd, "-odd:name.mp4"), "\0\0\0\x10ftypisom\0\0\0\0");
    await expect(probe(join(cwd, "-odd:name.mp4"))).rejects.toMatchObject({ code: "truncated" });
  });
});
