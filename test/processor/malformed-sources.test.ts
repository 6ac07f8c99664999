import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ProbeOutcome, ProbeResponse } from "../../schema/wire/probe.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

let origin: Origin;
let bench: ProcessorBench;

/** A page that describes its media as JSON with this in it. */
const page = (members: string): Buffer =>
  Buffer.from(`<!doctype html><html><head><title>Numbers</title><script type="application/ld+json">
{"@context": "https://schema.org", "@type": "VideoObject", "name": "Numbers", "contentUrl": "/media.mp4", ${members}}
</script></head></html>`);

beforeAll(async () => {
  origin = await startOrigin({
    root: await mediaFolder({ "media.mp4": ["mp4"], hls: ["hls-ts"] }),
    bodies: {
      "/infinite.html": page(
        '"contentSize": 1e999, "width": 1e999, "height": -1e999, "duration": "PT1e999S"',
      ),
      "/endless.m3u8": Buffer.from(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1e999,\nhls/0.ts\n#EXT-X-ENDLIST\n",
      ),
      "/endless-master.m3u8": Buffer.from(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1e999,FRAME-RATE=1e999,RESOLUTION=1x1\nendless.m3u8\n",
      ),
      "/wide-master.m3u8": Buffer.from(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1e999,FRAME-RATE=1e999,RESOLUTION=64x36\nhls/index.m3u8\n",
      ),
    },
    behaviour: { "/busy": { status: 429, retryAfterSeconds: 1e20 } },
  });
  bench = await startProcessorBench([origin.host]);
}, 60_000);

afterAll(async () => {
  await bench.close();
  await origin.close();
});

async function probe(path: string): Promise<ProbeOutcome> {
  const response = await bench.processor.app.request("/probe", {
    method: "POST",
    headers: { authorization: `Bearer ${bench.config.processorToken}`, "content-type": "application/json" },
    body: JSON.stringify({ v: 1, kind: "metadata", url: origin.url + path }),
  });
  expect(response.status).toBe(200);
  return ProbeResponse.parse(await response.json()).outcome;
}

describe("a source that states infinite or absurd numbers", () => {
  it.each(["/infinite.html", "/endless.m3u8", "/endless-master.m3u8", "/wide-master.m3u8", "/busy"])(
    "breaks neither the processor nor the response: %s",
    async (path) => {
      const outcome = await probe(path);
      // the error says whose fault it is: never the service's
      expect(outcome).not.toMatchObject({ code: "internal" });
      // and the next request works as usual
      expect(await probe("/media.mp4")).toMatchObject({ type: "found" });
    },
  );

  it("is reported as a failure that the Worker accepts", async () => {
    const outcome = await bench.run(`${origin.url}/endless-master.m3u8`);
    expect(outcome).toMatchObject({ type: "failed", code: "unsupported_url" });
    expect(await bench.run(`${origin.url}/busy`)).toMatchObject({ type: "failed" });
  });
});
