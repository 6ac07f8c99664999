import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { formatSort } from "../../../processor/stages/select.ts";
import { plan } from "../../../schema/media.ts";
import type { S3Target } from "../../../schema/wire/run.ts";
import { endedChildrenCpuSeconds, treeCpuSeconds } from "./process-facts.ts";

export interface PeerDelivery {
  /** Milliseconds for one yt-dlp command line. */
  readonly commandMs: number;
  /** Milliseconds for that and for the upload after it. */
  readonly totalMs: number;
  /** Null if unknown. */
  readonly cpuSeconds: number | null;
}

/** The usual method: yt-dlp to disk, then the provider's SDK. */
export interface Peer {
  deliver(url: string, target: S3Target): Promise<PeerDelivery>;
  stop(): Promise<void>;
}

/** The uploader's options. */
export interface UploadOrder {
  readonly file: string;
  readonly target: S3Target;
}

const { YTDLP_PATH: ytdlp = "yt-dlp" } = process.env;

/** @param folder for its downloads */
export async function startPeer(folder: string): Promise<Peer> {
  const uploader = fork(join(import.meta.dirname, "sdk-uploader.ts"));
  await once(uploader, "message");
  const downloads = join(folder, "peer");
  const cpuSeconds = () => {
    const [commands, uploads] = [endedChildrenCpuSeconds(), treeCpuSeconds(uploader.pid ?? 0)];
    return commands === null || uploads === null ? null : commands + uploads;
  };
  return {
    async deliver(url, target) {
      await rm(downloads, { recursive: true, force: true });
      await mkdir(downloads, { recursive: true });
      const startedAt = performance.now();
      const cpuBefore = cpuSeconds();
      await promisify(execFile)(ytdlp, commandLine(url), { cwd: downloads });
      const commandMs = performance.now() - startedAt;
      const [name = ""] = await readdir(downloads);
      const order: UploadOrder = { file: join(downloads, name), target };
      uploader.send(order);
      const [response] = await once(uploader, "message");
      if (response !== "done") throw new Error(`The SDK could not upload: ${response}`);
      const totalMs = performance.now() - startedAt;
      const cpu = cpuSeconds();
      await rm(downloads, { recursive: true, force: true });
      return { commandMs, totalMs, cpuSeconds: cpu === null || cpuBefore === null ? null : cpu - cpuBefore };
    },
    async stop() {
      const exited = once(uploader, "exit");
      uploader.disconnect();
      await exited;
    },
  };
}

/** Options for yt-dlp that select the streams that a job would use. */
export function commandLine(url: string): string[] {
  const sort = formatSort(plan({}).plan);
  return [
    ...["--ignore-config", "--no-progress", "--quiet", "-f", "bv*+ba/b", "-S", sort.join(",")],
    ...["--merge-output-format", "mp4", "--remux-video", "mp4", "-o", "%(id)s.%(ext)s", url],
  ];
}
