import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../processor/config.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { Fault } from "../../processor/fault.ts";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { runFfmpeg } from "../../processor/tools/ffmpeg.ts";
import { probeMedia } from "../../processor/tools/ffprobe.ts";
import { CONTAINER_DEMUXERS, IMAGE_DEMUXERS } from "../../processor/tools/input-format.ts";
import { NO_ISOLATION, Sandbox } from "../../processor/tools/sandbox.ts";
import { imageFile, mediaFile, ToolInput } from "../../processor/tools/tool-input.ts";
import {
  CANARY,
  canaryWave,
  type HostileDocument,
  hostileDocuments,
  movieWithReference,
} from "../support/hostile-documents.ts";
import { media } from "../support/media.ts";

/**
 * Files that are not media but name other files, against real tools. The sandbox is left out, to show that each of the
 * other defences works on its own: the refusal by first bytes, and what ffmpeg does when it is made to read the file
 * all the same. The sandbox's limits stay: a demuxer that reads a document as if it were media may ask for gigabytes.
 * `SECOND_FFMPEG` names a folder with another ffmpeg and ffprobe, for which everything must hold, too.
 */

const FFMPEG_FOLDERS = ["", process.env.SECOND_FFMPEG ?? ""].filter((folder, i) => i === 0 || folder !== "");

let folder: string;
let trap: string;
let policy: EgressPolicy;
let proxy: EgressProxy;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "hostile-")));
  await mkdir(join(folder, "run"));
  trap = join(folder, "trap.wav");
  await writeFile(trap, canaryWave());
  policy = new EgressPolicy({ opened: new Set() });
  proxy = await EgressProxy.start(policy);
});

afterAll(async () => {
  await proxy.close();
  policy.close();
  await rm(folder, { recursive: true });
});

async function save(name: string, bytes: Buffer | string): Promise<string> {
  const path = join(folder, "run", name);
  await writeFile(path, bytes);
  return path;
}

test("no document that names files is taken for media or an image, whatever its name", async () => {
  for (const { name, bytes } of hostileDocuments(trap)) {
    const path = await save("video.mp4", bytes);
    await expect(mediaFile(path), name).rejects.toMatchObject({ code: "unsupported_url" });
    await expect(imageFile(path), name).rejects.toMatchObject({ code: "processing" });
  }
});

describe.each(FFMPEG_FOLDERS)("ffmpeg in %j", { timeout: 120_000 }, (binaries) => {
  let tools: Tools;

  beforeAll(async () => {
    const config = readConfig({
      ...process.env,
      ...{ WORKER_URL: "http://127.0.0.1:1", PROCESSOR_TOKEN: "0123456789abcdef" },
      ...(binaries === ""
        ? {}
        : { FFMPEG_PATH: join(binaries, "ffmpeg"), FFPROBE_PATH: join(binaries, "ffprobe") }),
    });
    const found = await discoverTools(config);
    const sandbox = new Sandbox(found.ytdlp.python, config, { ...NO_ISOLATION, limits: true });
    tools = { ...found, sandbox };
  });

  /** The content of a copy of the input, or the class of the failure. */
  async function copy(input: ToolInput, form = "matroska"): Promise<string> {
    const output = join(folder, "run", "out");
    await rm(output, { force: true });
    const args = ["-map", "0", "-c", "copy", "-f", form, output];
    try {
      await runFfmpeg({ tools, proxy, cwd: join(folder, "run"), inputs: [input], args, purpose: "inspect" });
    } catch (error) {
      // every failure must be one that can be explained to a person
      expect(error).toBeInstanceOf(Fault);
    }
    return (await readFile(output).catch(() => Buffer.alloc(0))).toString("latin1");
  }

  test("the canary can be found: a correct read has it in the copy", async () => {
    expect(await copy(ToolInput.file(trap, "wav"))).toContain(CANARY);
  });

  /** Each document once, with every way to name a file among them; all documents would take minutes. */
  const some = (step: number): HostileDocument[] =>
    hostileDocuments(trap).filter((_, i) => i % step === Math.floor(i / step) % step);

  test("delivers nothing of a local file, whichever demuxer is made to read a document", async () => {
    for (const [i, { name, bytes }] of some(7).entries()) {
      const path = await save("video.mp4", bytes);
      const demuxer = CONTAINER_DEMUXERS[i % CONTAINER_DEMUXERS.length] ?? "mov";
      expect(await copy(ToolInput.file(path, demuxer)), `${demuxer}: ${name}`).not.toContain(CANARY);
    }
  });

  test("delivers nothing of a local file as an image", async () => {
    for (const [i, { name, bytes }] of some(13).entries()) {
      const path = await save("picture.jpg", bytes);
      const demuxer = IMAGE_DEMUXERS[i % IMAGE_DEMUXERS.length] ?? "png_pipe";
      expect(await copy(ToolInput.image(path, demuxer)), `${demuxer}: ${name}`).not.toContain(CANARY);
    }
  });

  test("delivers nothing of a local file that subtitles name", async () => {
    for (const { name, bytes } of some(17)) {
      const path = await save("subtitle", bytes);
      for (const form of ["srt", "ass"] as const) {
        expect(await copy(ToolInput.text(path, form)), name).not.toContain(CANARY);
      }
    }
  });

  test("follows no playlist to a file, a script or another playlist", async () => {
    for (const { name, bytes } of some(17)) {
      const served = proxy.mount((request, response) => {
        // a playlist made here whose segment is the document, and the document itself
        const ours = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n/1.ts\n#EXT-X-ENDLIST\n";
        if (request.url === "/0.m3u8") response.end(ours);
        else if (request.url?.startsWith("/1.")) response.end(bytes);
        else response.writeHead(404).end();
      });
      expect(await copy(ToolInput.hls(`${served.baseUrl}/0.m3u8`)), name).not.toContain(CANARY);
      expect(await copy(ToolInput.hls(`${served.baseUrl}/1.m3u8`)), name).not.toContain(CANARY);
      served.close();
    }
  });

  test("does not follow a track to another file", async () => {
    const path = await save("reference.mp4", movieWithReference(trap));
    // where references are allowed, this one leads to the trap
    const allowed = [
      "-v",
      "error",
      "-enable_drefs",
      "1",
      "-i",
      path,
      "-c",
      "copy",
      "-f",
      "mov",
      "-y",
      "allowed.mov",
    ];
    await promisify(execFile)(tools.ffmpeg.path, allowed, { cwd: folder });
    expect(await readFile(join(folder, "allowed.mov"), "latin1")).toContain(CANARY);
    const input = await mediaFile(path);
    expect(await copy(input, "mov")).not.toContain(CANARY);
    expect(await copy(input)).not.toContain(CANARY);
  });

  test("ends a script that names itself at once, with a proper message", async () => {
    const path = await save("self.mp4", "ffconcat version 1.0\nfile 'self.mp4'\n");
    const asked = probeMedia(path, { tools, proxy, cwd: folder });
    await expect(asked).rejects.toMatchObject({ code: "unsupported_url" });
    for (const demuxer of CONTAINER_DEMUXERS) {
      const forced = probeMedia(ToolInput.file(path, demuxer), { tools, proxy, cwd: folder });
      // a demuxer that does not check its input may see a stream, but no media in it
      const { durationSeconds = null } = await forced.catch((error: unknown) => {
        expect(error).toBeInstanceOf(Fault);
        return { durationSeconds: undefined };
      });
      expect(durationSeconds, demuxer).toBeNull();
    }
  });

  test("reads every kind of media with the demuxer that its first bytes name", async () => {
    const kinds = [
      ...(["mp4", "mp4-index-last", "webm", "mkv-h265-mp3", "mkv-h264-flac", "video-fragments"] as const),
      ...(["audio-m4a", "audio-mp3", "audio-opus", "audio-vorbis", "audio-flac"] as const),
    ];
    for (const kind of kinds) {
      const facts = await probeMedia(await media(kind), { tools, proxy, cwd: folder });
      expect(facts.durationSeconds, kind).toBeGreaterThan(1);
    }
  });

  test("makes a thumbnail of an image", async () => {
    const input = await imageFile(await media("jpg"));
    const args = ["-vf", "scale=16:-1,format=yuvj420p", "-frames:v", "1", "-f", "mjpeg", "small.jpg"];
    const cwd = join(folder, "run");
    await runFfmpeg({ tools, proxy, cwd, inputs: [input], args, purpose: "inspect" });
    expect((await readFile(join(cwd, "small.jpg"))).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
  });
});
