import { setTimeout as pause } from "node:timers/promises";
import type { LiveStream } from "../live-origin.ts";
import type { TestStack } from "../test-stack.ts";
import type { Random } from "./random.ts";

/** What a job of the load should deliver. */
export interface LoadJob {
  readonly id: string;
  readonly kind: string;
  /** Path of the source's file that the object must equal byte for byte; null where the media is rewritten. */
  readonly equals: string | null;
  /** Seconds of the result; null for a live recording. */
  readonly seconds: number | null;
}

/** Where the load's media is. */
export interface LoadMedia {
  /** Base URL of the source. */
  readonly source: string;
  readonly live: LiveStream;
  readonly webhookUrl: string;
  /** Storage that callers bring. */
  readonly inlineStorage: Readonly<Record<string, unknown>>;
}

/** Length of every file of the source, in seconds. */
export const MEDIA_SECONDS = 12;

const KINDS: readonly {
  readonly kind: string;
  readonly path: string;
  readonly request?: Readonly<Record<string, unknown>>;
  readonly equals?: true;
}[] = [
  { kind: "progressive", path: "/film.mp4", equals: true },
  { kind: "progressive, index last", path: "/copy.mp4" },
  { kind: "HLS", path: "/hls/index.m3u8" },
  { kind: "split video and audio", path: "/dash/index.mpd" },
  { kind: "transcode", path: "/small.mp4", request: { video_codec: "h264", video_quality: 30 } },
  { kind: "audio alone", path: "/film.mp4", request: { format: "m4a" } },
];

/** Creates the jobs of a round: one of each kind, one with its own storage, a batch of three and a recording. */
export async function createLoad(
  stack: TestStack,
  { source, live, webhookUrl, inlineStorage }: LoadMedia,
  round: number,
): Promise<LoadJob[]> {
  const common = { webhook_url: webhookUrl, folder: `round-${round}` };
  const single = async (
    kind: string,
    request: Readonly<Record<string, unknown>>,
    facts: Pick<LoadJob, "equals" | "seconds">,
  ): Promise<LoadJob> => ({
    id: await stack.create({ ...common, filename: kind, ...request }),
    kind,
    ...facts,
  });
  const jobs = KINDS.map(({ kind, path, request = {}, equals }) =>
    single(
      kind,
      { url: source + path, ...request },
      { equals: equals ? path : null, seconds: MEDIA_SECONDS },
    ),
  );
  const inline = single(
    "own storage",
    { url: `${source}/film.mp4`, storage: inlineStorage },
    { equals: "/film.mp4", seconds: MEDIA_SECONDS },
  );
  const recording = single(
    "live",
    { url: live.url, live_recording: true, max_duration: 6 },
    { equals: null, seconds: null },
  );
  return [
    ...(await Promise.all([...jobs, inline, recording])),
    ...(await createBatch(stack, source, common)),
  ];
}

async function createBatch(
  stack: TestStack,
  source: string,
  common: Readonly<Record<string, unknown>>,
): Promise<LoadJob[]> {
  const jobs = [1, 2, 3].map((n) => ({ url: `${source}/film.mp4`, filename: `batch ${n}` }));
  const request = { ...common, jobs };
  const { status, body } = await stack.call<{ job_ids: string[] }>("POST", "/jobs/bulk", request);
  if (status !== 201) throw new Error(`POST /jobs/bulk answered ${status}: ${JSON.stringify(body)}`);
  return body.job_ids.map((id) => ({ id, kind: "batch", equals: "/film.mp4", seconds: MEDIA_SECONDS }));
}

/** Cancels a job at some time, whatever is dead meanwhile. */
export async function cancelSometime(stack: TestStack, random: Random, id: string): Promise<void> {
  await pause(random.between(0, 4_000));
  await persistently(async () => {
    const { status } = await stack.call("DELETE", `/jobs/${id}`);
    if (status >= 500) throw new TypeError(`answered ${status}`);
  });
}

/** Repeats what fails while a part is dead, locked or cut off. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      await pause(200);
    }
  }
}
