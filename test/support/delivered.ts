import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Delivery } from "../../schema/wire/callback.ts";
import type { ProcessorBench } from "./processor.ts";

const run = promisify(execFile);

/** What ffprobe reports about a file. */
export interface Probed {
  readonly format: {
    readonly format_name: string;
    readonly duration?: string;
    readonly tags?: Readonly<Record<string, string>>;
  };
  readonly streams: readonly {
    readonly codec_type: string;
    readonly codec_name: string;
    readonly width?: number;
    readonly height?: number;
    readonly tags?: Readonly<Record<string, string>>;
    readonly disposition?: { readonly attached_pic?: number };
    readonly side_data_list?: readonly { readonly rotation?: number }[];
  }[];
  readonly chapters: readonly {
    readonly start_time: string;
    readonly end_time: string;
    readonly tags?: { readonly title?: string };
  }[];
}

/** A delivery with its bytes on disk, compared with what the delivery claims about them. */
export interface Delivered {
  readonly delivery: Delivery;
  readonly path: string;
  readonly bytes: Buffer;
  readonly probed: Probed;
}

/** Runs jobs on a bench and keeps what they deliver in a separate folder. */
export class Deliveries {
  readonly #bench: ProcessorBench;
  readonly #folder: Promise<string>;
  #count = 0;

  constructor(bench: ProcessorBench) {
    this.#bench = bench;
    this.#folder = mkdtemp(join(tmpdir(), "delivered-"));
  }

  /** @throws Error when the run does not complete, or when size or hash of the object are not as reported */
  async deliver(...args: Parameters<ProcessorBench["run"]>): Promise<Delivered> {
    const outcome = await this.#bench.run(...args);
    if (outcome.type !== "completed") {
      const fault = this.#bench.logs.findLast(({ event }) => event === "fault");
      throw new Error(`ended ${JSON.stringify(outcome)}: ${JSON.stringify(fault)}`);
    }
    const { delivery } = outcome;
    const bytes = await this.#bench.object(delivery.key);
    if (bytes?.length !== delivery.file_size) throw new Error(`${delivery.key} is not as large as reported`);
    const hash = createHash("sha256").update(bytes).digest("hex");
    if (hash !== delivery.sha256) throw new Error(`${delivery.key} has another hash than reported`);
    const path = join(await this.#folder, `${this.#count++}.${delivery.key.split(".").at(-1)}`);
    await writeFile(path, bytes);
    return { delivery, path, bytes, probed: await probe(path) };
  }

  /** @throws Error when there is no such object */
  async probeObject(key: string): Promise<Probed> {
    const bytes = await this.#bench.object(key);
    if (bytes === null) throw new Error(`no object under ${key}`);
    const path = join(await this.#folder, `${this.#count++}.${key.split(".").at(-1)}`);
    await writeFile(path, bytes);
    return probe(path);
  }

  async close(): Promise<void> {
    await rm(await this.#folder, { recursive: true, force: true });
  }
}

export async function probe(path: string): Promise<Probed> {
  const args = ["-v", "error", "-show_format", "-show_streams", "-show_chapters", "-of", "json", path];
  return JSON.parse((await run("ffprobe", args)).stdout) as Probed;
}

/** The hash of the video frame that a player shows at `seconds`, by default the first. */
export async function frameHash(path: string, seconds = 0): Promise<string> {
  const seek = seconds === 0 ? [] : ["-ss", String(seconds)];
  const args = ["-nostdin", "-v", "error", ...seek, "-i", path, "-map", "0:v:0"];
  const { stdout } = await run("ffmpeg", [...args, "-frames:v", "1", "-f", "framemd5", "-"]);
  return stdout.trim().split(/,\s*/).at(-1) ?? "";
}

/** Where a type of box begins in an ISO file; -1 if there is none. */
export const boxAt = (bytes: Buffer, type: string): number => bytes.indexOf(type, 0, "latin1");
