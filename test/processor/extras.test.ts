import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { openObjectStore } from "../../processor/storage/open-object-store.ts";
import { Deliveries, type Probed } from "../support/delivered.ts";
import { describedPage } from "../support/html-pages.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

const VTT = "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nWritten by the authors\n";
const TTML = `<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml"><body><div>
<p begin="00:00:00.500" end="00:00:01.500">Uno &amp; <span>dos</span><br/>tres</p>
</div></body></tt>`;

const MASTER = `#EXTM3U
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="English",LANGUAGE="en",URI="subtitles.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=320x180,CODECS="avc1.42c01f,mp4a.40.2",SUBTITLES="subs"
hls/index.m3u8
`;

/** A page as players make them: the file, its thumbnail and its subtitles. */
const pageWith = (tracks: Readonly<Record<string, string>>, poster: string): string => `<!doctype html>
<html><head><title>With subtitles</title></head><body>
<video src="/media.mp4" poster="${poster}">${Object.entries(tracks)
  .map(([language, src]) => `<track kind="subtitles" srclang="${language}" src="${src}">`)
  .join("")}</video></body></html>`;

const EXTRAS = { thumbnail: true, subtitles: { languages: ["en"] } };

let origin: Origin;
let bench: ProcessorBench;
let deliveries: Deliveries;

beforeAll(async () => {
  origin = await startOrigin({
    root: await mediaFolder({
      "media.mp4": ["mp4"],
      "poster.jpg": ["jpg", { width: 1920, height: 1080, seconds: 1 }],
      "de.srt": ["srt"],
      hls: ["hls-ts"],
      "fr.ass": ["ass"],
    }),
    bodies: {
      "/en.vtt": Buffer.from(VTT),
      "/es.ttml": Buffer.from(TTML),
      "/second.vtt": Buffer.from(`${VTT}\n00:00:01.500 --> 00:00:02.500\nSecond piece\n`),
      "/master.m3u8": Buffer.from(MASTER),
      "/subtitles.m3u8": Buffer.from(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\nen.vtt\n#EXTINF:1.5,\nsecond.vtt\n#EXT-X-ENDLIST\n",
      ),
      "/latin.srt": Buffer.from("1\n00:00:00,500 --> 00:00:01,500\nGr\u00fc\u00dfe\n", "latin1"),
      "/broken.jpg": Buffer.from("not a picture"),
      "/broken.vtt": Buffer.from("<html>not found</html>"),
    },
  });
  const tracks = { en: "/en.vtt", de: "/de.srt", "fr-FR": "/fr.ass", es: "/es.ttml", sv: "/latin.srt" };
  origin.put("/rich.html", Buffer.from(pageWith(tracks, "/poster.jpg")));
  const broken = { en: "/broken.vtt", de: "/status/404", fr: "http://169.254.169.254/latest/x.vtt" };
  origin.put("/broken.html", Buffer.from(pageWith(broken, "/broken.jpg")));
  origin.put("/described.html", Buffer.from(describedPage(origin.url, "media.mp4")));
  bench = await startProcessorBench([origin.host]);
  deliveries = new Deliveries(bench);
}, 60_000);

afterAll(async () => {
  await deliveries.close();
  await bench.close();
  await origin.close();
});

const textOf = async (key: string | undefined): Promise<string> =>
  String(await bench.object(key ?? "no such key"));

describe("subtitles and thumbnail", () => {
  it("are next to the media under its name, as WebVTT and JPEG", async () => {
    const languages = ["en", "de", "fr", "es", "sv"];
    const { delivery } = await deliveries.deliver(
      `${origin.url}/rich.html`,
      {},
      { filename: "rich", thumbnail: true, subtitles: { languages } },
    );
    expect(delivery).toMatchObject({
      key: "videos/rich.mp4",
      subtitle_key: "videos/rich.en.vtt",
      thumbnail_key: "videos/rich.jpg",
      subtitles: languages.map((language) => ({ language, key: `videos/rich.${language}.vtt` })),
    });
    expect(delivery.timings.subtitle_ms).toBeGreaterThan(0);
    expect(delivery.adjustments).toMatchObject([{ field: "subtitle_languages", from: "fr", to: "fr-FR" }]);
    expect(await textOf("videos/rich.en.vtt")).toBe(VTT);
    for (const [language, said] of Object.entries({
      de: "Zwei Zeilen",
      fr: "Hello",
      es: "Uno &amp; dos\ntres",
      sv: "Grüße",
    })) {
      const text = await textOf(`videos/rich.${language}.vtt`);
      expect(text).toMatch(/^WEBVTT\n/);
      expect(text).toContain("00:00.500 --> ");
      expect(text).toContain(said);
    }
    const image = await bench.object("videos/rich.jpg");
    expect(image?.subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
    const { streams } = await deliveries.probeObject("videos/rich.jpg");
    expect(streams[0]).toMatchObject({ codec_name: "mjpeg", width: 1280, height: 720 });
  });

  it("are joined where the source has them in pieces", async () => {
    const { delivery } = await deliveries.deliver(
      `${origin.url}/master.m3u8`,
      {},
      { filename: "pieces", subtitles: { languages: ["en"] } },
    );
    expect(delivery).toMatchObject({ subtitle_key: "videos/pieces.en.vtt", adjustments: [] });
    const text = await textOf("videos/pieces.en.vtt");
    expect(text.match(/WEBVTT/g)).toHaveLength(1);
    expect(text.match(/Written by the authors/g)).toHaveLength(1);
    expect(text).toContain("Second piece");
  });

  it("become adjustments where the source has none", async () => {
    const extras = { thumbnail: true, subtitles: { languages: ["en", "it"] } };
    const { delivery } = await deliveries.deliver(`${origin.url}/media.mp4`, {}, extras);
    expect(delivery).toMatchObject({ subtitle_key: null, thumbnail_key: null, subtitles: [] });
    expect(delivery.adjustments.map(({ field, from, to }) => [field, from, to])).toEqual(
      expect.arrayContaining([
        ["subtitle_languages", "en", null],
        ["subtitle_languages", "it", null],
        ["download_thumbnail", true, null],
      ]),
    );
  });

  it("never fail the media: broken, missing and forbidden ones are reported", async () => {
    const extras = { thumbnail: true, subtitles: { languages: ["en", "de", "fr"] } };
    const { delivery } = await deliveries.deliver(`${origin.url}/broken.html`, {}, extras);
    expect(delivery).toMatchObject({ subtitles: [], thumbnail_key: null });
    expect(delivery.adjustments.map(({ field }) => field).sort()).toEqual([
      "download_thumbnail",
      "subtitle_languages",
      "subtitle_languages",
      "subtitle_languages",
    ]);
    expect(await bench.remainingFiles()).toEqual([]);
  });

  it("are cut with a clip", async () => {
    const clip = { clip_start: 1, clip_end: 2 };
    const { delivery } = await deliveries.deliver(`${origin.url}/rich.html`, clip, {
      ...EXTRAS,
      filename: "cut",
    });
    expect(delivery.adjustments).toEqual([]);
    expect(await textOf("videos/cut.en.vtt")).toContain("00:00:00.000 --> 00:00:00.500\nWritten");
  });

  it("are not visible if permission to publish is refused", async () => {
    bench.worker.failNext("publish", 409);
    const jobId = await bench.submit(`${origin.url}/rich.html`, {}, { ...EXTRAS, filename: "refused" });
    await bench.processor.runs.finished(jobId);
    for (const name of ["refused.mp4", "refused.en.vtt", "refused.jpg"]) {
      expect(await bench.object(`videos/${name}`)).toBeNull();
    }
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
    expect(await bench.remainingFiles()).toEqual([]);
  });

  it("report each upload before its bytes, so that the next run can undo the one that was open", async () => {
    const reported = bench.worker.uploads.length;
    const { delivery } = await deliveries.deliver(
      `${origin.url}/rich.html`,
      {},
      { ...EXTRAS, filename: "reported" },
    );
    expect(bench.worker.uploads.slice(reported).map(({ key }) => key)).toEqual([
      delivery.key,
      "videos/reported.en.vtt",
      "videos/reported.jpg",
    ]);
  });

  it("of a run that was killed are undone by the next run", async () => {
    const key = "videos/killed.en.vtt";
    const store = openObjectStore(bench.target, new EgressPolicy({ opened: new Set() }));
    const { ref } = await store.open({ key, contentType: "text/vtt" }, AbortSignal.timeout(10_000));
    expect(await bench.s3.unfinishedUploads()).toEqual([key]);
    const predecessor = { claimed_at: Date.now(), upload: { key, ref } };
    await deliveries.deliver(`${origin.url}/rich.html`, {}, { ...EXTRAS, filename: "killed", predecessor });
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
    expect(await textOf(key)).toBe(VTT);
  });
});

describe("the file's own metadata", () => {
  const chaptersOf = ({ chapters }: Probed) =>
    chapters.map(({ start_time, end_time, tags }) => [Number(start_time), Number(end_time), tags?.title]);

  it.each(["mp4", "mov", "mkv", "webm", "m4a", "mp3", "ogg", "opus"])(
    "has title, artist, date and chapters in %s, in front of the media",
    async (format) => {
      const { probed, bytes } = await deliveries.deliver(`${origin.url}/described.html`, {
        format,
        clip_end: 2.5,
      });
      const all = { ...probed.format.tags, ...probed.streams[0]?.tags };
      const tags = Object.fromEntries(
        Object.entries(all).map(([name, value]) => [name.toLowerCase(), value]),
      );
      expect(tags).toMatchObject({ title: "A film; with # signs", artist: "An author", date: "2026-01-02" });
      expect(
        chaptersOf(probed).map(([start, end, title]) => [start, Math.round(Number(end) * 2) / 2, title]),
      ).toEqual([
        [0, 1, "First = one"],
        [1, 2.5, "Second"],
      ]);
      if (["mp4", "mov", "m4a"].includes(format)) {
        expect(bytes.indexOf("moov")).toBeLessThan(bytes.indexOf("mdat"));
      }
    },
  );

  it.each(["m4a", "mp3", "ogg", "opus", "mkv"])("has the cover in %s", async (format) => {
    const asked = { thumbnail: format === "mkv" };
    const { probed, delivery } = await deliveries.deliver(`${origin.url}/described.html`, { format }, asked);
    const cover = probed.streams.find(({ disposition }) => disposition?.attached_pic === 1);
    expect(cover).toMatchObject({ codec_name: "mjpeg", width: 1280, height: 720 });
    expect(delivery.duration).toBeCloseTo(3, 0);
    expect(delivery.actual_quality).toBe(format === "mkv" ? "180p" : null);
  });
});
