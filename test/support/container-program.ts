import http from "node:http";
import { RunRequest } from "../../schema/wire/run.ts";

/**
 * Runs in a container of the tests: answers like a processor and handles each run as the last part of its URL says:
 * `complete`, `hold` (runs until it is stopped or drained), `crash`.
 */

const { PORT, INSTANCE = "", WORKER_URL = "" } = process.env;
const held = new Map<string, RunRequest>();

async function report(path: string, token: string | null, body: object): Promise<unknown> {
  const response = await fetch(`${WORKER_URL}/internal/${path}`, {
    method: "POST",
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    body: JSON.stringify({ v: 1, ...body }),
  });
  return response.json();
}

async function complete({ job_id, attempt, token }: RunRequest): Promise<void> {
  const delivery = {
    key: `videos/${INSTANCE}.mp4`,
    file_size: 1,
    sha256: "0".repeat(64),
    strategy: "ranges",
    adjustments: [],
    timings: { extract_ms: null, download_ms: null, mux_ms: null, upload_ms: null },
    download_retries: 0,
    upload_retries: 0,
    ...Object.fromEntries(UNKNOWN.map((name) => [name, null])),
  };
  await report(`runs/${job_id}/outcome`, token, { attempt, outcome: { type: "completed", delivery } });
}

const UNKNOWN = [
  "subtitle_key",
  "thumbnail_key",
  "duration",
  "title",
  "description",
  "release_date",
  "native_video_codec",
  "native_audio_codec",
  "actual_quality",
  "download_rate",
  "upload_rate",
];

async function take(run: RunRequest): Promise<void> {
  const what = run.url.split("/").at(-1);
  if (what === "crash") process.exit(1);
  held.set(run.job_id, run);
  if (what === "complete") {
    await complete(run);
    held.delete(run.job_id);
  } else {
    await heartbeat();
  }
}

async function heartbeat(): Promise<void> {
  const runs = [...held.values()].map(({ job_id, attempt, token }) => ({
    job_id,
    attempt,
    token,
    step: "Downloading",
    progress: 50,
    download_rate: null,
    title: null,
  }));
  if (runs.length > 0) await report("heartbeat", null, { instance: INSTANCE, runs });
}

const server = http.createServer(async (request, response) => {
  const json = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body));
  if (request.url === "/healthz") {
    const tools = { ytdlp: "", ffmpeg: "", javascript: "", challenge_scripts: true };
    json(200, { status: "ok", instance: INSTANCE, runs: held.size, slots: { network: 1, cpu: 1 }, tools });
    return;
  }
  let body = "";
  for await (const chunk of request) body += chunk;
  if (request.method === "DELETE") {
    held.delete(request.url?.split("/").at(-1) ?? "");
    json(200, {});
    return;
  }
  const run = RunRequest.parse(JSON.parse(body));
  json(202, { v: 1, job_id: run.job_id, attempt: run.attempt });
  void take(run);
});
server.listen(Number(PORT), "127.0.0.1");

process.on("SIGTERM", async () => {
  for (const { job_id, attempt, token } of held.values()) {
    await report(`runs/${job_id}/outcome`, token, { attempt, outcome: { type: "interrupted" } });
  }
  process.exit(0);
});
