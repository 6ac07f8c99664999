import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plan } from "../../schema/media.ts";
import { boxAt, type Delivered, Deliveries } from "../support/delivered.ts";
import {
  chosenCases,
  expectedOf,
  MATRIX_SOURCES,
  type MatrixCase,
  requestOf,
  ruleOf,
  SOURCE_OPTIONS,
} from "../support/matrix.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

const CASES = chosenCases(process.env);

let origin: Origin;
let bench: ProcessorBench;
let deliveries: Deliveries;

beforeAll(async () => {
  const files = MATRIX_SOURCES.map(
    ({ kind, path }) => [path.split("/index.")[0] ?? path, [kind, SOURCE_OPTIONS]] as const,
  );
  origin = await startOrigin({ root: await mediaFolder(Object.fromEntries(files)) });
  bench = await startProcessorBench([origin.host]);
  deliveries = new Deliveries(bench);
}, 120_000);

afterAll(async () => {
  await deliveries.close();
  await bench.close();
  await origin.close();
});

const nameOf = ({ format, video, audio, quality, source }: MatrixCase): string =>
  `${source.name} to ${format}, video ${video}, audio ${audio}${quality === "none" ? "" : `, ${quality}`}`;

/** Containers by the matrix's names, judged by what the file says about itself. */
function containerOf({ probed, bytes }: Delivered): string {
  const name = probed.format.format_name;
  if (name.includes("matroska")) return bytes.subarray(0, 64).includes("webm") ? "webm" : "matroska";
  if (!name.includes("mp4")) return name;
  const brand = probed.format.tags?.major_brand?.trim() ?? "";
  return { qt: "mov", M4A: "m4a" }[brand] ?? "mp4";
}

/** Where the first element with an id is in the segment of a Matroska file; Infinity if there is none. */
function elementAt(bytes: Buffer, wanted: number): number {
  const size = (at: number): { value: number; end: number } => {
    const length = Math.clz32(bytes[at] ?? 1) - 23;
    let value = (bytes[at] ?? 0) & (0xff >> length);
    for (let index = 1; index < length; index++) value = value * 256 + (bytes[at + index] ?? 0);
    return { value, end: at + length };
  };
  const id = (at: number) => {
    const length = Math.clz32(bytes[at] ?? 1) - 23;
    return { value: bytes.readUIntBE(at, length), end: at + length };
  };
  const head = size(id(0).end);
  let at = size(id(head.end + head.value).end).end;
  while (at < bytes.length - 12) {
    const element = id(at);
    if (element.value === wanted) return at;
    const body = size(element.end);
    at = body.end + body.value;
  }
  return Number.POSITIVE_INFINITY;
}

const CUES = 0x1c53bb6b;
const CLUSTER = 0x1f43b675;
const codecOf = (name: string | undefined): string | null => (name === "hevc" ? "h265" : (name ?? null));

describe("the matrix of formats, codecs and sources", { concurrent: true }, () => {
  it.each(CASES.map((wanted) => [nameOf(wanted), wanted] as const))(
    "%s",
    { timeout: 120_000 },
    async (name, wanted) => {
      const request = requestOf(wanted);
      const expected = expectedOf(wanted);
      const url = `${origin.url}/${wanted.source.path}`;
      const change = { filename: name.replaceAll(/[^\w ]/g, "") };
      if (expected === null) {
        expect(await bench.run(url, request, change)).toMatchObject({ type: "failed", code: "no_format" });
        return;
      }
      const done = await deliveries.deliver(url, request, change);
      const { delivery, probed, bytes } = done;
      const rule = ruleOf(wanted.format);
      const video = probed.streams.find(({ codec_type }) => codec_type === "video");
      const audio = probed.streams.find(({ codec_type }) => codec_type === "audio");

      expect(containerOf(done)).toBe(video === undefined && wanted.format === "mp4" ? "mp4" : rule.probed);
      expect(codecOf(video?.codec_name)).toBe(expected.video);
      expect(codecOf(audio?.codec_name)).toBe(expected.audio);
      expect(delivery.strategy === "transcode").toBe(expected.transcodes);
      const reported = [...plan(request).adjustments, ...delivery.adjustments];
      expect(reported.map(({ field, from, to }) => [field, from, to]).sort()).toEqual(
        [...expected.adjustments].sort(),
      );

      expect(Math.abs(Number(probed.format.duration) - (SOURCE_OPTIONS.seconds ?? 0))).toBeLessThan(0.5);
      if (video) expect(video).toMatchObject({ width: SOURCE_OPTIONS.width, height: SOURCE_OPTIONS.height });
      expect(delivery).toMatchObject({
        actual_quality: video ? `${SOURCE_OPTIONS.height}p` : null,
        native_audio_codec: wanted.source.audio,
      });
      if (rule.inFront === "index") expect(boxAt(bytes, "moov")).toBeLessThan(boxAt(bytes, "mdat"));
      // a file that is delivered as it is keeps its cues where they were
      if (rule.inFront === "cues" && delivery.strategy !== "ranges") {
        expect(elementAt(bytes, CUES)).toBeLessThan(elementAt(bytes, CLUSTER));
      }
    },
  );
});
