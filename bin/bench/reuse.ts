import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "../../schema/api/endpoints.ts";
import { CreatedJob, type Job } from "../../schema/api/job.ts";
import { freePort } from "../stack/ports.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { newest, percentiles, unfinished } from "./stack-jobs.ts";
import { table } from "./table.ts";
import { until } from "./until.ts";

const JOBS = 1_000;
/** The share of jobs for media that no earlier job was for. */
const DISTINCT = 0.4;
const AT_ONCE = 16;
const TIMEOUT_MS = 20 * 60_000;
/** Files whose bytes are read back. */
const READ_BACK = 20;

/** A silent frame of MPEG-1 layer III: a header and no content. */
const FRAME = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x64]), Buffer.alloc(413)]);
const LEAST_FRAMES = 20;

export interface ReuseResults {
  readonly jobs: number;
  readonly failed: number;
  /** Jobs whose file is a copy of an earlier one's. */
  readonly copied: number;
  /** Bytes that were read from the source, as a share of what is read if every job fetches its media. */
  readonly readShare: number;
  /** Jobs whose bytes are not those of their source. */
  readonly wrong: number;
  /** From the claim of a copying job to its end, without the time in the storage, in milliseconds. */
  readonly repeat: { readonly p50: number; readonly p99: number };
}

/** Jobs of which 60 % are for media of an earlier one, half of those under a name of their own, through the local stack. */
export async function benchReuse(
  log: (line: string) => void,
  { jobs = JOBS, env: more = {} }: { jobs?: number; env?: Readonly<Record<string, string>> } = {},
): Promise<ReuseResults> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-reuse-"));
  const source = await startSource();
  const env = { ...process.env, ALLOWED_PRIVATE_HOSTS: source.host, REUSE_HOURS: "24", ...more };
  try {
    const stack = await startStack({ port: await freePort(), stateDir: join(folder, "state"), env, log });
    try {
      log(`${jobs} jobs for ${Math.ceil(jobs * DISTINCT)} files`);
      const ended = () => until(async () => (await unfinished(stack)) === 0, TIMEOUT_MS, 200);
      // a run reads the beginning of a small file several times
      await create(stack, { url: `http://${source.host}/0.mp3`, format: "mp3", reuse: "never" });
      await ended();
      const alone = source.sentBytes();
      await createAll(stack, source.host, jobs);
      await ended();
      const expected = alone / fileOf(0).length;
      return await judge(await newest(stack, jobs), (source.sentBytes() - alone) / expected);
    } finally {
      await stack.stop();
    }
  } finally {
    await source.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A file of a length of its own under each number. */
const fileOf = (number: number): Buffer =>
  Buffer.concat(Array.from({ length: LEAST_FRAMES + number }, () => FRAME));

const numberOf = (url: string): number => Number(/\/(\d{1,6})\.mp3$/.exec(url)?.[1] ?? 0);

async function startSource() {
  let sent = 0;
  const server = createServer({ keepAliveTimeout: 60_000 }, ({ method, url = "", headers }, response) => {
    const file = fileOf(numberOf(url));
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
    const [start, end] = [Number(from), to === "" ? file.length : Math.min(file.length, Number(to) + 1)];
    response.writeHead(headers.range === undefined ? 200 : 206, {
      ...{ "accept-ranges": "bytes", "content-type": "audio/mpeg", "content-length": end - start },
      etag: `"${numberOf(url)}"`,
      ...(headers.range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${file.length}` }),
    });
    const body = method === "HEAD" ? undefined : file.subarray(start, end);
    // the tool that looks at an address asks for no range; such a look is cut off after a few hundred bytes
    if (headers.range !== undefined) sent += body?.length ?? 0;
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sentBytes: () => sent,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function create(stack: Stack, request: object): Promise<void> {
  const headers = { "x-api-key": stack.apiKey, "content-type": "application/json" };
  const body = JSON.stringify(request);
  const response = await fetch(stack.url + endpoints.createJob.path, { method: "POST", headers, body });
  CreatedJob.parse(await response.json());
}

async function createAll(stack: Stack, host: string, count: number): Promise<void> {
  const distinct = Math.ceil(count * DISTINCT);
  let next = 0;
  const client = async () => {
    for (let job = next++; job < count; job = next++) {
      const named = job % 2 === 0 ? { filename: `job-${job}` } : {};
      await create(stack, { url: `http://${host}/${job % distinct}.mp3`, format: "mp3", ...named });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
}

async function judge(jobs: readonly Job[], readBytes: number): Promise<ReuseResults> {
  const delivered = jobs.reduce((sum, { file_size }) => sum + (file_size ?? 0), 0);
  const copies = jobs.filter(({ download_strategy }) => download_strategy === "copy");
  const linked = jobs.filter(({ s3_url }) => s3_url !== null).slice(0, READ_BACK);
  const isRight = ({ url }: Job, sha256: string | null) => sha256 === sha256Of(fileOf(numberOf(url)));
  const readBack = await Promise.all(
    linked.map(async (job) => {
      const stored = Buffer.from(await (await fetch(job.s3_url ?? "")).arrayBuffer());
      return isRight(job, sha256Of(stored));
    }),
  );
  const wrong = jobs.filter((job) => !isRight(job, job.sha256)).length;
  return {
    jobs: jobs.length,
    failed: jobs.filter(({ status }) => status !== "Completed").length,
    copied: copies.length,
    readShare: readBytes / delivered,
    wrong: wrong + readBack.filter((right) => !right).length,
    repeat: percentiles(
      copies.map(
        ({ started_at, finished_at, upload_duration_ms }) =>
          (finished_at ?? 0) - (started_at ?? 0) - (upload_duration_ms ?? 0),
      ),
    ),
  };
}

const sha256Of = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

export const reuseTable = ({ jobs, failed, copied, readShare, wrong, repeat }: ReuseResults): string =>
  table(
    ["jobs", "failed", "copied", "read of what each would read", "wrong bytes", "repeat, p50", "p99"],
    [
      [
        ...[`${jobs}`, `${failed}`, `${copied}`, `${(readShare * 100).toFixed(1)} %`, `${wrong}`],
        ...[`${Math.round(repeat.p50)} ms`, `${Math.round(repeat.p99)} ms`],
      ],
    ],
  );
