/** `npm run demo [-- <url>]`: one job from its URL to a file that plays, on a stack of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "../schema/client.ts";
import { type Origin, serveVideo } from "./demo/origin.ts";
import { probeFacts } from "./demo/probe-facts.ts";
import { reportOf } from "./demo/report.ts";
import { makeSampleVideo } from "./demo/sample-video.ts";
import { exitCodeOf } from "./stack/exit-code.ts";
import { onStopSignal } from "./stack/on-stop-signal.ts";
import { freePort } from "./stack/ports.ts";
import { startStack } from "./stack/stack.ts";
import { createdBy } from "./waterspout/waiting/created-by.ts";
import { fetchFile } from "./waterspout/waiting/fetch-file.ts";
import { followJob, sentenceOfEnd } from "./waterspout/waiting/follow-job.ts";

/** Slow enough to see the progress, in bytes per second. */
const SAMPLE_RATE = 4_000_000;

const { FFMPEG_PATH: ffmpeg = "ffmpeg", FFPROBE_PATH: ffprobe = "ffprobe" } = process.env;
const say = (line: string) => console.log(`[demo] ${line}`);

async function main(url: string | undefined): Promise<number> {
  const stop = onStopSignal((signal) => say(`${signal}: stopping`));
  const folder = await mkdtemp(join(tmpdir(), "waterspout-demo-"));
  const undo = [() => rm(folder, { recursive: true, force: true })];
  try {
    const origin = url === undefined ? await serveSample(folder) : undefined;
    if (origin) undo.push(origin.close);
    say("starting Worker and processor …");
    const stack = await startStack({
      port: await freePort(),
      stateDir: join(folder, "state"),
      env: demoEnvironment(origin),
      log: say,
      signal: stop.signal,
    });
    undo.push(stack.stop);
    return await deliver(stack, url ?? origin?.url ?? "", folder, stop.signal);
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

async function serveSample(folder: string): Promise<Origin> {
  say("creating a sample video …");
  const file = join(folder, "sample.mp4");
  await makeSampleVideo(file, ffmpeg);
  return serveVideo(file, SAMPLE_RATE);
}

/** Frequent heartbeats make the progress smooth; the sample's server is the only private host that is allowed. */
function demoEnvironment(origin: Origin | undefined) {
  const opened = [process.env.ALLOWED_PRIVATE_HOSTS, origin?.host].filter(Boolean).join(",");
  return { HEARTBEAT_SECONDS: "1", ...process.env, ALLOWED_PRIVATE_HOSTS: opened };
}

/** @returns the exit code */
async function deliver(
  { url, apiKey }: { readonly url: string; readonly apiKey: string },
  source: string,
  folder: string,
  signal: AbortSignal,
): Promise<number> {
  const api = createClient({ url, apiKey });
  say(`POST ${url}/jobs {"url":"${source}"}`);
  const { id } = createdBy(await api.createJob({ body: { url: source }, signal }));
  const job = await followJob(api, id, process.stdout, signal);
  if (job.status !== "Completed" || job.s3_url === null) {
    console.error(sentenceOfEnd(job));
    return 1;
  }
  say("downloading the result through its signed link …");
  const file = await fetchFile(job.s3_url, join(folder, "result"), job.sha256, signal);
  console.log(`\n${reportOf(job, file, await probeFacts(file.path, ffprobe))}\n`);
  say("done; everything that was started has been stopped");
  return 0;
}

const [url] = process.argv.slice(2);
process.exit(await main(url).catch(exitCodeOf));
