import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ProcessorConfig, readConfig } from "../../processor/config.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { createProcessor, type Processor } from "../../processor/processor.ts";
import { openObjectStore } from "../../processor/storage/open-object-store.ts";
import { type MediaRequest, plan } from "../../schema/media.ts";
import { NO_COOKIES } from "../../schema/wire/cookies.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { type S3Server, startS3 } from "./s3-server.ts";
import { type ScriptedWorker, startScriptedWorker } from "./scripted-worker.ts";

/** A real processor with a real bucket; only the Worker is scripted. */
export interface ProcessorBench {
  readonly processor: Processor;
  readonly config: ProcessorConfig;
  readonly worker: ScriptedWorker;
  readonly s3: S3Server;
  /** Where runs deliver. */
  readonly target: RunRequest["target"];
  /** Events that the processor logged. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  /** Submits a run for `url` and returns its id. */
  submit(url: string, request?: MediaRequest, change?: Partial<RunRequest>): Promise<string>;
  /** Submits and waits for the outcome. */
  run(
    url: string,
    request?: MediaRequest,
    change?: Partial<RunRequest>,
  ): ReturnType<ScriptedWorker["outcome"]>;
  /** Reads a delivered object; null when there is none. */
  object(key: string): Promise<Buffer | null>;
  /** A link to a delivered object. */
  link(key: string): Promise<string>;
  /** Work folders of runs that remain. */
  remainingFiles(): Promise<string[]>;
  close(): Promise<void>;
}

const TOKEN = "test-processor-token-1234";

export async function startProcessorBench(
  allowedHosts: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProcessorBench> {
  const [worker, s3, folder] = await Promise.all([
    startScriptedWorker(),
    startS3(),
    mkdtemp(join(tmpdir(), "processor-")),
  ]);
  const logs: Record<string, unknown>[] = [];
  const config = readConfig({
    PATH: process.env.PATH,
    WORKER_URL: worker.url,
    PROCESSOR_TOKEN: TOKEN,
    WORK_DIR: join(folder, "work"),
    ALLOWED_PRIVATE_HOSTS: allowedHosts.join(","),
    HEARTBEAT_SECONDS: "1",
    DRAIN_SECONDS: "0",
    ...env,
  });
  const processor = await createProcessor(config, (event, fields) => logs.push({ event, ...fields }));
  const target: RunRequest["target"] = {
    provider: "s3",
    endpoint: s3.endpoint,
    bucket: s3.bucket,
    region: s3.region,
    access_key: s3.accessKeyId,
    secret_key: s3.secretAccessKey,
    addressing: "path",
    managed: true,
  };

  async function submit(url: string, request: MediaRequest = {}, change: Partial<RunRequest> = {}) {
    const planned = plan(request);
    const body: RunRequest = {
      ...{ v: 1, job_id: randomUUID(), attempt: 1, token: "run-token", url, ...planned },
      ...{ filename: null, key_prefix: { base_folder: "videos" }, subtitles: null, thumbnail: false },
      ...{ limits: { max_filesize_bytes: null, max_duration_seconds: null }, target, predecessor: null },
      ...{
        wait: null,
        batch: false,
        alone: false,
        recording: { asked: false, from_start: false, max_seconds: 43_200 },
      },
      ...{ cookies: NO_COOKIES },
      ...change,
    };
    const response = await processor.app.request("/runs", {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.status !== 202) throw new Error(`the run was answered ${response.status}`);
    return body.job_id;
  }

  return {
    processor,
    config,
    worker,
    s3,
    target,
    logs,
    submit,
    run: async (url, request, change) => worker.outcome(await submit(url, request, change)),
    object: (key) => readObject(target, key),
    link: (key) => linkTo(target, key),
    remainingFiles: async () => {
      await processor.settled();
      return await readdir(join(folder, "work", "runs")).catch(() => []);
    },
    close: async () => {
      await processor.close();
      await Promise.all([worker.close(), s3.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function linkTo(target: RunRequest["target"], key: string): Promise<string> {
  const store = openObjectStore(target, new EgressPolicy({ opened: new Set() }));
  const link = await store.signGet(key, 60);
  if (link === null) throw new Error("the bucket gives no links");
  return link;
}

async function readObject(target: RunRequest["target"], key: string): Promise<Buffer | null> {
  const response = await fetch(await linkTo(target, key));
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`the bucket answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}
