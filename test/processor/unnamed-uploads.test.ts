import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RunRequest } from "../../schema/wire/run.ts";
import { type ListingStorage, startListingStorage } from "../support/chaos/listing-storage.ts";
import { type Disturbance, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** Uploads that a storage began while its response was lost: their ids are unknown. */

let origin: Origin;
let bench: ProcessorBench;
let storage: ListingStorage;
let line: FaultyProxy;
let disturb: (request: string) => Disturbance;

beforeAll(async () => {
  origin = await startOrigin({ root: await mediaFolder({ "a.mp4": ["mp4"] }) });
  bench = await startProcessorBench([origin.host]);
  storage = await startListingStorage("media");
  line = await startFaultyProxy(storage.origin, (request) => disturb(request));
}, 60_000);

beforeEach(() => {
  disturb = () => "pass";
});

afterAll(async () => {
  await line.close();
  await storage.close();
  await bench.close();
  await origin.close();
});

const isBeginning = (request: string): boolean => /^POST .*\?uploads/.test(request);
const target = (): Partial<RunRequest> => ({
  target: { ...bench.target, endpoint: line.origin, bucket: "media" } as RunRequest["target"],
});

it("unnamed uploads are aborted by the run that began another one", async () => {
  let lost = 1;
  disturb = (request) => (isBeginning(request) && lost-- > 0 ? "lose-answer" : "pass");
  expect(await bench.run(`${origin.url}/a.mp4`, {}, target())).toMatchObject({ type: "completed" });
  expect(lost).toBeLessThan(0);
  expect(storage.unfinished()).toEqual([]);
});

it("unnamed uploads are aborted by a run that cannot begin another one", async () => {
  let begun = 0;
  disturb = (request) => {
    if (!isBeginning(request)) return "pass";
    begun += 1;
    return begun === 1 ? "lose-answer" : { status: 403 };
  };
  const outcome = await bench.run(`${origin.url}/a.mp4`, {}, target());
  expect(outcome).toMatchObject({ type: "failed", code: "upload_refused" });
  expect(storage.unfinished()).toEqual([]);
});
