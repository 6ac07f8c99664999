import { chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "../../schema/client.ts";
import { CONTAINER_SETTINGS } from "../../schema/container-settings.ts";
import { serveVideo } from "../demo/origin.ts";
import { makeSampleVideo } from "../demo/sample-video.ts";
import { StackError } from "../stack/errors.ts";
import { logTail } from "../stack/log-tail.ts";
import { freePort } from "../stack/ports.ts";
import { type SupervisedProcessor, superviseProcessor } from "../stack/processor.ts";
import { startStack } from "../stack/stack.ts";
import { createdBy } from "../waterspout/waiting/created-by.ts";
import type { ContainerSetup, Engine } from "./engine.ts";

/** User id of the image's user. */
const UID = 1000;
/** Slow enough to end the processor in the middle of a job, in bytes per second. */
const RATE = 1_500_000;

/** The ways in which operators start the image. */
const SETUPS: readonly (Pick<ContainerSetup, "name" | "readOnlyRoot"> & { readonly volume: boolean })[] = [
  { name: "as it is", readOnlyRoot: false, volume: false },
  { name: "with a volume on its work folder", readOnlyRoot: false, volume: true },
  { name: "with a read-only root and a volume on its work folder", readOnlyRoot: true, volume: true },
];

/**
 * Starts the image in each way next to a Worker, delivers a job through it, and ends it with SIGTERM in the middle of
 * another job, which the next container delivers.
 *
 * @throws StackError with what went wrong and the end of the container's log
 */
export async function exerciseImage(engine: Engine, tag: string, log: (line: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-image-"));
  const file = join(folder, "sample.mp4");
  await makeSampleVideo(file, process.env.FFMPEG_PATH || "ffmpeg");
  const origin = await serveVideo(file, RATE);
  try {
    for (const [index, { name, readOnlyRoot, volume }] of SETUPS.entries()) {
      log(`starting it ${name} …`);
      const workVolume = volume ? await volumeIn(folder, index) : null;
      const stateDir = join(folder, `state-${index}`);
      const start = (env: ContainerSetup["env"]) =>
        engine.commandOf(tag, { name, readOnlyRoot, workVolume, env });
      await exercise({ start, stateDir, origin, log }).catch((error: unknown) => {
        throw new StackError(
          `The image does not work ${name}: ${String(error)}\n${logTail(join(stateDir, "logs", "processor.log"))}`,
        );
      });
    }
  } finally {
    await origin.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A volume as engines create it: root owns the folder that contains it, and the image's user owns the volume. */
async function volumeIn(folder: string, index: number): Promise<string> {
  const volume = join(folder, `volume-${index}`);
  await mkdir(volume, { mode: 0o755 });
  if (process.getuid?.() === 0) await chown(volume, UID, UID);
  return volume;
}

interface ExerciseOptions {
  readonly start: (env: ContainerSetup["env"]) => readonly [string, ...string[]];
  readonly stateDir: string;
  readonly origin: { readonly url: string; readonly host: string };
  readonly log: (line: string) => void;
}

async function exercise({ start, stateDir, origin, log }: ExerciseOptions): Promise<void> {
  let processor: SupervisedProcessor | undefined;
  const stack = await startStack({
    port: await freePort(),
    stateDir,
    env: { ...process.env, HEARTBEAT_SECONDS: "1", ALLOWED_PRIVATE_HOSTS: origin.host },
    log,
    startProcessor: (options) => {
      const env = containerEnvironment(options.env);
      const hasPath = { PATH: process.env.PATH ?? "" };
      processor = superviseProcessor({ ...options, command: start(env), env: { ...hasPath, ...env } });
      return processor;
    },
  });
  try {
    const api = createClient(stack);
    const first = createdBy(await api.createJob({ body: { url: origin.url } }));
    const delivered = await api.waitForJob(first.id);
    if (delivered.status !== "Completed")
      throw new Error(`the job ended ${delivered.status}: ${delivered.error}`);
    log(`delivered ${delivered.file_size} bytes`);

    const second = createdBy(await api.createJob({ body: { url: origin.url, format: "mkv" } }));
    let isInterrupted = false;
    const resumed = await api.waitForJob(second.id, {
      onProgress: ({ progress }) => {
        // before that, the processor may not have taken the run yet
        if (isInterrupted || progress === 0) return;
        isInterrupted = true;
        processor?.restart();
      },
    });
    if (resumed.status !== "Completed" || resumed.attempt < 2) {
      throw new Error(
        `the job that SIGTERM interrupted ended ${resumed.status}, attempt ${resumed.attempt}: ${resumed.error}`,
      );
    }
    log(`drained by SIGTERM, and the job was delivered by the next container (attempt ${resumed.attempt})`);
  } finally {
    await stack.stop();
  }
}

/** The stack's settings for its processor, except paths that the image sets itself. */
function containerEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const decides: Readonly<Record<string, string>> = CONTAINER_SETTINGS;
  const set = Object.entries(env).filter(
    ([name]) => name === "HOST" || (decides[name] ?? "image") !== "image",
  );
  const marker = Object.entries(env).filter(([name]) => name.startsWith("WATERSPOUT_"));
  return Object.fromEntries([...set, ...marker]);
}
