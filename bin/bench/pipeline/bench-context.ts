import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchOptions } from "../options.ts";
import { type Peer, startPeer } from "../servers/peer.ts";
import { type ServerProcess, startServer } from "../servers/server-process.ts";
import { type Floor, startFloor } from "./floor-runner.ts";
import { ensureMedia, MEDIA_FOLDER } from "./media.ts";

/** What all parts that transfer media need. */
export interface Bench {
  readonly options: BenchOptions;
  readonly log: (line: string) => void;
  /** Folder for everything that a bench writes; removed at its end. */
  readonly folder: string;
  readonly origin: ServerProcess;
  readonly s3: ServerProcess;
  readonly peer: Peer;
  readonly floor: Floor;
}

/** Creates the media, starts the servers, runs `work`, and removes everything again. */
export async function withBench<T>(
  options: BenchOptions,
  log: (line: string) => void,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  await ensureMedia(log);
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const started = async <S extends { stop(): Promise<void> }>(starting: Promise<S>): Promise<S> => {
      const part = await starting;
      undo.push(() => part.stop());
      return part;
    };
    return await work({
      ...{ options, log, folder },
      origin: await started(startServer("origin.ts", [MEDIA_FOLDER])),
      s3: await started(startServer("null-s3.ts")),
      peer: await started(startPeer(folder)),
      floor: await started(startFloor()),
    });
  } finally {
    for (const step of undo.reverse()) await step();
  }
}
