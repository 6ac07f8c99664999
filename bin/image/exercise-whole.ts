import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job } from "../../schema/api/job.ts";
import { createClient, WaterspoutError } from "../../schema/client.ts";
import { serveVideo } from "../demo/origin.ts";
import { makeSampleVideo } from "../demo/sample-video.ts";
import { StackError } from "../stack/errors.ts";
import { freePort } from "../stack/ports.ts";
import { createdBy } from "../waterspout/waiting/created-by.ts";
import { type Container, type ContainerPlace, runOnce, startContainer } from "./container.ts";
import type { ContainerSetup, Engine } from "./engine.ts";
import { ProgramError } from "./run-program.ts";

/** Slow enough to stop the program in the middle of a job, in bytes per second. */
const RATE = 1_000_000;

const BACKUP = "/state/backups/first";

/** What the steps share. */
interface Life {
  readonly place: ContainerPlace;
  readonly setup: ContainerSetup;
  readonly port: number;
  readonly source: string;
  readonly log: (line: string) => void;
}

/**
 * Starts the image in each way in which operators do, and brings one installation through its whole life: upgraded from the
 * former version's state, used, backed up, stopped in the middle of a job, started again, restored.
 *
 * @throws StackError with what went wrong
 */
export async function exerciseWhole(engine: Engine, tag: string, log: (line: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-whole-"));
  const file = join(folder, "sample.mp4");
  await makeSampleVideo(file, process.env.FFMPEG_PATH || "ffmpeg");
  const origin = await serveVideo(file, RATE);
  const place = { engine, tag, logFile: join(folder, "container.log") };
  const volumes: string[] = [];
  const newLife = async (words: string, readOnlyRoot: boolean, hasVolume: boolean): Promise<Life> => {
    log(`starting it ${words} …`);
    const [name, port] = [`${tag}-${process.pid}-${volumes.length}-${readOnlyRoot}`, await freePort()];
    const volume = hasVolume ? { id: engine.createVolume(name), at: "/state" } : null;
    if (volume) volumes.push(volume.id);
    const env = {
      ...{ HOST: "127.0.0.1", PORT: `${port}`, ALLOWED_PRIVATE_HOSTS: origin.host },
      // what is interrupted has begun, and takes longer than this, so that it is handed back
      HEARTBEAT_SECONDS: "1",
      DRAIN_SECONDS: "2",
    };
    return { place, setup: { name, readOnlyRoot, volume, env }, port, source: origin.url, log };
  };
  try {
    await deliverOnce(await newLife("as it is", false, false));
    await deliverOnce(await newLife("with a volume for its state", false, true));
    await wholeLife(await newLife("with a read-only root and the state of the former version", true, true));
  } catch (error) {
    if (error instanceof ProgramError) throw error;
    throw new StackError(`The image does not work: ${error instanceof Error ? error.message : error}`);
  } finally {
    for (const id of volumes) engine.removeVolume(id);
    await origin.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const start = ({ place, setup, port }: Life) => startContainer(place, setup, port);

/** Runs `work` with a container, and stops it by SIGTERM. */
async function during<T>(life: Life, work: (container: Container) => Promise<T>): Promise<T> {
  const container = await start(life);
  try {
    const result = await work(container);
    await container.stop();
    return result;
  } finally {
    container.kill();
  }
}

const deliverOnce = (life: Life) =>
  during(life, async (container) => {
    const job = await deliver(life, container);
    life.log(`delivered ${job.file_size} bytes`);
  });

async function wholeLife(life: Life): Promise<void> {
  const { place, setup, log } = life;
  const formerKey = runOnce(place, setup, ["node", "bin/image/make-former-state.ts", "/state"]);

  const { kept, lost, interrupted } = await during(life, async (container) => {
    await createClient({ url: container.url, apiKey: formerKey }).listJobs({ query: { limit: 1 } });
    log("brought the former version's state up to date: its key is accepted");
    const health = place.engine.configOf(place.tag).Healthcheck?.Test ?? [];
    container.exec(...health.slice(1));
    log("its health check passes");
    const kept = await deliver(life, container);
    await expectFile(kept);
    log(`delivered ${kept.file_size} bytes, and the link plays`);
    container.exec("waterspout", "backup", BACKUP);
    log("backed up while it runs");
    const lost = await deliver(life, container);
    const interrupted = await begun(life, container);
    return { kept, lost, interrupted };
  });
  log("stopped by SIGTERM in the middle of a job, with code 0");

  await during(life, async (container) => {
    const resumed = await clientOf(container).waitForJob(interrupted);
    if (resumed.status !== "Completed" || resumed.attempt < 2) {
      throw new Error(
        `the interrupted job ended ${resumed.status}, attempt ${resumed.attempt}: ${resumed.error}`,
      );
    }
    log(`started again, and delivered that job (attempt ${resumed.attempt})`);
    await expectFile(await clientOf(container).getJob({ params: { id: lost.id } }));
  });

  runOnce(place, setup, ["waterspout", "restore", "--force", BACKUP]);
  await during(life, async (container) => {
    await expectFile(await clientOf(container).getJob({ params: { id: kept.id } }));
    await expectMissing(container, lost.id);
    await deliver(life, container);
    log("restored the backup: what was there then is there, and jobs are delivered");
  });
}

const clientOf = ({ url, exec }: Container) =>
  createClient({ url, apiKey: JSON.parse(exec("cat", "/state/local.json")).api_key });

async function create({ source }: Life, container: Container): Promise<string> {
  // with the same name, the file of a later job would replace it; a copy of an earlier file would be too quick
  const body = { url: source, format: "mkv", filename: randomUUID(), reuse: "never" } as const;
  return createdBy(await clientOf(container).createJob({ body })).id;
}

async function deliver(life: Life, container: Container): Promise<Job> {
  const job = await clientOf(container).waitForJob(await create(life, container));
  if (job.status !== "Completed") throw new Error(`a job ended ${job.status}: ${job.error}`);
  return job;
}

/** @returns the id of a job that is being delivered */
async function begun(life: Life, container: Container): Promise<string> {
  const id = await create(life, container);
  const watching = new AbortController();
  const ended = await clientOf(container)
    .waitForJob(id, {
      signal: watching.signal,
      // before that, the processor may not have taken the run yet
      onProgress: ({ progress }) => {
        if (progress > 0) watching.abort();
      },
    })
    .catch((error: unknown) => {
      if (watching.signal.aborted) return null;
      throw error;
    });
  if (ended !== null) throw new Error(`a job ended ${ended.status} before it could be interrupted`);
  return id;
}

async function expectFile({ id, s3_url, file_size }: Job): Promise<void> {
  const response = await fetch(String(s3_url));
  const { byteLength } = await response.arrayBuffer();
  if (!response.ok || byteLength !== file_size) {
    throw new Error(`the file of job ${id} has ${byteLength} bytes (${response.status}), not ${file_size}`);
  }
}

async function expectMissing(container: Container, id: string): Promise<void> {
  const failure = await clientOf(container)
    .getJob({ params: { id } })
    .then(
      () => null,
      (error: unknown) => error,
    );
  if (failure instanceof WaterspoutError && failure.status === 404) return;
  throw new Error(`job ${id}, which is younger than the backup, is still known`);
}
