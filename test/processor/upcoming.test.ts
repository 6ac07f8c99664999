import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readConfig } from "../../processor/config.ts";
import type { ProcessorDependencies } from "../../processor/dependencies.ts";
import { HostLimits } from "../../processor/egress/host-limits.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { ProxyRotation } from "../../processor/egress/upstream/proxy-rotation.ts";
import { Metrics } from "../../processor/metrics.ts";
import { Callback } from "../../processor/run/callback.ts";
import { LeaseKeeper } from "../../processor/run/lease.ts";
import { startRun } from "../../processor/run/run.ts";
import { Slots } from "../../processor/run/slots.ts";
import { WorkFolders } from "../../processor/run/work-folders.ts";
import { Crc32Refusals } from "../../processor/storage/s3/crc32-refusals.ts";
import { BufferBudget } from "../../processor/storage/uploads/buffer-budget.ts";
import { Hasher } from "../../processor/storage/uploads/hasher.ts";
import { discoverTools } from "../../processor/tools/discover.ts";
import { ExtractionCache } from "../../processor/tools/extraction-cache.ts";
import { ExtractorVersions } from "../../processor/tools/extractor-versions.ts";
import { plan } from "../../schema/media.ts";
import { Tracer } from "../../schema/telemetry/tracer.ts";
import { NO_COOKIES } from "../../schema/wire/cookies.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { type ScriptedWorker, startScriptedWorker } from "../support/scripted-worker.ts";

/** No local site can announce a stream, so a probe's response is replaced with that of one. */

const URL_OF_STREAM = "https://media.example.com/watch";
const MINUTE = 60_000;

let folder: string;
let worker: ScriptedWorker;
let dependencies: ProcessorDependencies;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upcoming-"));
  worker = await startScriptedWorker();
  const config = readConfig({
    ...process.env,
    ...{ WORKER_URL: worker.url, PROCESSOR_TOKEN: "0123456789abcdef", WORK_DIR: folder },
  });
  const tools = await discoverTools(config);
  const callback = new Callback({
    workerUrl: worker.url,
    instance: "test",
    boot: "test",
    processorToken: "test",
  });
  dependencies = {
    ...{ config, tools, callback },
    policy: new EgressPolicy({ opened: new Set() }),
    versions: new ExtractorVersions({
      ...{ tools, config, proxy: { url: "http://127.0.0.1:9", blocked: () => [] } },
    }),
    extractions: new ExtractionCache(),
    proxies: new ProxyRotation([]),
    limits: new HostLimits(),
    folders: await WorkFolders.open(join(folder, "work"), "test"),
    buffers: new BufferBudget(1 << 20),
    hasher: new Hasher(),
    crc32Refusals: new Crc32Refusals(),
    cpu: new Slots(1),
    lease: new LeaseKeeper({ callback, intervalMs: MINUTE }),
    freeSlots: () => 1,
    metrics: new Metrics(),
    tracer: new Tracer({
      ...{ config: { endpoint: null, headers: {}, ratio: 1 }, resource: {}, fetch, onFailure: () => {} },
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    }),
    log: () => {},
  };
});

afterAll(async () => {
  dependencies.lease.close();
  await dependencies.versions.close();
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

async function run(wait: RunRequest["wait"], releaseAt: number) {
  const info = { id: "1", title: "Soon", live_status: "is_upcoming", release_timestamp: releaseAt / 1000 };
  const { version } = dependencies.versions.pinned;
  dependencies.extractions.keep(URL_OF_STREAM, { info, version, upstream: undefined });
  const target = { provider: "s3", endpoint: "http://127.0.0.1:9", bucket: "b", region: "auto" } as const;
  const request: RunRequest = {
    ...{ v: 1, job_id: crypto.randomUUID(), attempt: 1, token: "t", url: URL_OF_STREAM, ...plan({}) },
    ...{ filename: null, key_prefix: { base_folder: "videos" }, subtitles: null, thumbnail: false },
    limits: { max_filesize_bytes: null, max_duration_seconds: null },
    target: { ...target, access_key: "a", secret_key: "s", managed: true, addressing: "path" },
    ...{
      cookies: NO_COOKIES,
      predecessor: null,
      wait,
      batch: false,
      alone: false,
      recording: { asked: false, from_start: false, max_seconds: 60 },
    },
  };
  await startRun(request, dependencies).done;
  return worker.outcome(request.job_id);
}

it("postpones a job that waits until its stream begins", async () => {
  const now = Date.now();
  const releaseAt = Math.round(now / 1000) * 1000 + 90 * MINUTE;
  const wait = { since: now, until: now + 24 * 60 * MINUTE };
  expect(await run(wait, releaseAt)).toEqual({ type: "postponed", until: releaseAt });
});

it("ends a job that has waited long enough, and one that does not wait", async () => {
  const now = Date.now();
  const ended = { type: "failed", code: "upcoming" };
  expect(await run({ since: now - 24 * 60 * MINUTE, until: now - 1 }, now + MINUTE)).toMatchObject(ended);
  expect(await run(null, now + MINUTE)).toMatchObject(ended);
});
