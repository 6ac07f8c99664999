import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { type MediaFacts, probeMedia } from "../../processor/tools/ffprobe.ts";
import type { MediaRequest } from "../../schema/media.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

const run = promisify(execFile);

/** The languages of the sources, distinguished in delivered files by their sample rates. */
const RATES = { en: 44_100, de: 48_000, described: 32_000 } as const;
const rateOf = (language: keyof typeof RATES) => RATES[language];

const MASTER = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,URI="de.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English AD",LANGUAGE="en",DEFAULT=NO,CHARACTERISTICS="public.accessibility.describes-video",URI="described.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,URI="en.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=320x180,CODECS="avc1.64000c,mp4a.40.2",AUDIO="a"
v.m3u8
`;

/** Each language is in its own adaptation set; the dub comes first and has the higher bitrate. */
const MANIFEST = `<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S"><Period>
${set("video/mp4", "avc1.64000c", "v.mp4", 400_000, `width="320" height="180"`)}
${set("audio/mp4", "mp4a.40.2", "de.m4a", 256_000, `lang="de"`, "dub")}
${set("audio/mp4", "mp4a.40.2", "described.m4a", 192_000, `lang="en"`, "description")}
${set("audio/mp4", "mp4a.40.2", "en.m4a", 64_000, `lang="en"`, "main")}
</Period></MPD>`;

function set(
  mime: string,
  codec: string,
  file: string,
  bandwidth: number,
  more: string,
  role = "main",
): string {
  return `<AdaptationSet mimeType="${mime}" codecs="${codec}" ${more}>
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="${role}"/>
<Representation id="${file}" bandwidth="${bandwidth}"><BaseURL>${file}</BaseURL></Representation></AdaptationSet>`;
}

let origin: Origin;
let bench: ProcessorBench;
let folder: string;
let tools: Tools;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "voices-"));
  await makeSources(folder);
  origin = await startOrigin({ root: folder });
  bench = await startProcessorBench([origin.host]);
  tools = await discoverTools(bench.config);
}, 60_000);

afterAll(async () => {
  await bench.close();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

async function makeSources(cwd: string): Promise<void> {
  const sine = (rate: number) => ["-f", "lavfi", "-i", `sine=r=${rate}:d=3`];
  const inputs = [
    ...["-f", "lavfi", "-i", "testsrc=s=320x180:r=25:d=3"],
    ...Object.values(RATES).flatMap(sine),
  ];
  const encoders = ["-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"];
  const pieces = ["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"];
  const alone = [["v", "0:v"], ...Object.keys(RATES).map((name, index) => [name, `${index + 1}:a`])];
  const outputs = alone.flatMap(([name, map]) => [
    ...["-map", `${map}`, ...encoders, ...pieces, `${name}.m3u8`],
    ...["-map", `${map}`, ...encoders, "-movflags", "+faststart", name === "v" ? "v.mp4" : `${name}.m4a`],
  ]);
  const tracks = ["-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:a", ...encoders];
  const labels = [
    ...["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"],
    ...["-metadata:s:a:2", "language=eng", "-metadata:s:a:2", "handler_name=Audio description"],
  ];
  await run(
    "ffmpeg",
    [
      ...["-v", "error", "-y", ...inputs, ...outputs, ...tracks, ...labels, "last.mp4"],
      ...["-map", "0:v", "-map", "1:a", "-map", "2:a", ...encoders, ...labels.slice(0, 4)],
      ...["-movflags", "+faststart", "front.mp4"],
    ],
    { cwd },
  );
  await writeFile(join(cwd, "master.m3u8"), MASTER);
  await writeFile(join(cwd, "roles.mpd"), MANIFEST);
}

async function deliver(
  path: string,
  request: MediaRequest = {},
): Promise<{ delivery: Delivery; facts: MediaFacts; rates: number[] }> {
  const outcome = await bench.run(`${origin.url}/${path}`, request);
  if (outcome.type !== "completed") throw new Error(JSON.stringify([outcome, bench.logs.slice(-4)]));
  const bytes = await bench.object(outcome.delivery.key);
  const file = join(folder, `delivered.${outcome.delivery.sha256}`);
  await writeFile(file, bytes ?? "");
  const proxy = { url: "http://127.0.0.1:9", blocked: () => [] };
  const facts = await probeMedia(file, { tools, cwd: folder, proxy });
  return {
    delivery: outcome.delivery,
    facts,
    rates: facts.audioTracks.map(({ sampleRate }) => sampleRate),
  };
}

const SOURCES = ["master.m3u8", "roles.mpd"];

describe.each(SOURCES)("%s", (path) => {
  it.each(["mp4", "m4a", "mkv"])("is delivered as %s in its original language", async (format) => {
    const { delivery, rates } = await deliver(path, { format });
    expect(rates).toEqual([rateOf("en")]);
    expect(delivery).toMatchObject({ actual_audio_language: "en", adjustments: [] });
    expect(delivery.audio_languages.toSorted()).toEqual(["de", "en"]);
  });

  it("is delivered in the requested language", async () => {
    const { delivery, rates } = await deliver(path, { audio_language: "de" });
    expect(rates).toEqual([rateOf("de")]);
    expect(delivery).toMatchObject({ actual_audio_language: "de", adjustments: [] });
  });

  it("reports a language that it does not have", async () => {
    const { delivery, rates } = await deliver(path, { audio_language: "fr" });
    expect(rates).toEqual([rateOf("en")]);
    expect(delivery.adjustments).toMatchObject([{ field: "audio_language", from: "fr", to: "en" }]);
  });

  it.each(["mp4", "mkv", "mov"])("has every language as a labelled track of %s", async (format) => {
    const { delivery, facts, rates } = await deliver(path, { format, audio_language: "all" });
    expect(rates).toEqual([rateOf("en"), rateOf("de")]);
    expect(facts.audioTracks.map(({ language, isDefault }) => [language, isDefault])).toEqual([
      ["eng", true],
      [format === "mov" ? "ger" : "deu", false],
    ]);
    expect(facts.video).toMatchObject({ codec: "h264" });
    expect(delivery.adjustments).toEqual([]);
  });

  it("has every language in the requested codec", async () => {
    const request: MediaRequest = { audio_language: "all", audio_codec: "mp3", clip_start: 1, clip_end: 2 };
    const { facts } = await deliver(path, request);
    expect(facts.audioTracks.map(({ codec }) => codec)).toEqual(["mp3", "mp3"]);
  });
});

describe("a file with several audio tracks", () => {
  it("keeps its languages and leaves out an audio description, which is reported", async () => {
    const { delivery, facts, rates } = await deliver("last.mp4");
    expect(rates).toEqual([rateOf("en"), rateOf("de")]);
    expect(facts.audioTracks.map(({ language }) => language)).toEqual(["eng", "deu"]);
    expect(delivery).toMatchObject({
      ...{ actual_audio_language: "en", audio_languages: ["en", "de"] },
      adjustments: [{ field: "audio_language", from: "original" }],
    });
  });

  it("gives the requested one, whether its index is at the end or in front", async () => {
    for (const path of ["last.mp4", "front.mp4"]) {
      const { delivery, rates } = await deliver(path, { audio_language: "de" });
      expect(rates).toEqual([rateOf("de")]);
      expect(delivery).toMatchObject({ actual_audio_language: "de", adjustments: [] });
    }
  });

  it("gives its original to a format with one, and reports what is left out", async () => {
    const { delivery, rates } = await deliver("front.mp4", { format: "m4a" });
    expect(rates).toEqual([rateOf("en")]);
    expect(delivery.adjustments).toMatchObject([
      { reason: "The source's file has more audio, which is left out: de" },
    ]);
  });

  it("is delivered as it is where nothing has to change", async () => {
    const { delivery, rates } = await deliver("front.mp4");
    expect(rates).toEqual([rateOf("en"), rateOf("de")]);
    expect(delivery).toMatchObject({ strategy: "ranges", audio_languages: ["en", "de"], adjustments: [] });
  });
});

describe("a requirement on the video", () => {
  it.each([{ resolution: 360 as const }, { min_resolution: 720 as const }])(
    "that the source cannot meet ends as no_format: %j",
    async (request) => {
      for (const path of ["front.mp4", "last.mp4", "master.m3u8"]) {
        const outcome = await bench.run(`${origin.url}/${path}`, request);
        expect(outcome).toMatchObject({ type: "failed", code: "no_format" });
      }
    },
  );

  it("for a lower frame rate is reported where the source has only higher ones", async () => {
    const { delivery } = await deliver("front.mp4", { max_fps: 24 });
    expect(delivery.adjustments).toMatchObject([{ field: "max_fps", from: 24, to: 25 }]);
  });
});
