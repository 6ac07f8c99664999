import { mkdtemp, rm } from "node:fs/promises";
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
import type { CommandLine, ContainerSetup, Engine } from "./engine.ts";

/** Slow enough to end the processor in the middle of a job, in bytes per second. */
const RATE = 1_500_000;

/** The ways in which operators start the image. */
const WAYS = [
  { words: "as it is", readOnlyRoot: false, hasVolume: false },
  { words: "with a volume on its work folder", readOnlyRoot: false, hasVolume: true },
  { words: "with a read-only root and a volume on its work folder", readOnlyRoot: true, hasVolume: true },
] as const;

/**
 * Starts the image in each way next to a Worker, delivers a job through it, and ends it with SIGTERM in the middle of
 * another job, which the next container delivers.
 *
 * @throws StackError with what went wrong and the end of the container's log
 */
export async function exerciseProcessor(
  engine: Engine,
  tag: string,
  log: (line: string) => void,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-image-"));
  const file = join(folder, "sample.mp4");
  await makeSampleVideo(file, process.env.FFMPEG_PATH || "ffmpeg");
  const origin = await serveVideo(file, RATE);
  try {
    for (const [index, { words, readOnlyRoot, hasVolume }] of WAYS.entries()) {
      log(`starting it ${words} …`);
      const name = `${tag}-${process.pid}-${index}`;
      const volume = hasVolume ? { id: engine.createVolume(name), at: "/work" } : null;
      const stateDir = join(folder, `state-${index}`);
      const start = (env: ContainerSetup["env"]) =>
        engine.commandOf(tag, { name, readOnlyRoot, volume, env });
      try {
        await exercise({ start, stateDir, origin, log });
      } catch (error) {
        const end = logTail(join(stateDir, "logs", "processor.log"));
        throw new StackError(`The image does not work ${words}: ${String(error)}\n${end}`);
      } finally {
        if (volume) engine.removeVolume(volume.id);
      }
    }
  } finally {
    await origin.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface ExerciseOptions {
  readonly start: (env: ContainerSetup["env"]) => CommandLine;
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
