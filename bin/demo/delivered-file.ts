import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";

/** A file that was fetched through its signed link. */
export interface DeliveredFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Downloads what a link gives, hashing on the way. */
export async function fetchFile(link: string, path: string, signal: AbortSignal): Promise<DeliveredFile> {
  const answer = await fetch(link, { signal });
  if (!answer.ok || !answer.body) throw new Error(`The signed link answered ${answer.status}`);
  const hash = createHash("sha256");
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(answer.body), measure, createWriteStream(path));
  return { path, size, sha256: hash.digest("hex") };
}

/** What ffprobe says of a file, a line for each fact. */
export async function probeFacts(path: string, ffprobe: string): Promise<string[]> {
  const entries =
    "format=format_name,duration,bit_rate:stream=codec_type,codec_name,width,height,sample_rate";
  const args = ["-v", "error", "-show_entries", entries, "-of", "json", path];
  const { stdout } = await promisify(execFile)(ffprobe, args);
  const { format, streams } = JSON.parse(stdout) as ProbeResult;
  const container = format.format_name.replaceAll(",", "/");
  return [
    `${container}, ${Number(format.duration).toFixed(2)} s, ${Math.round(Number(format.bit_rate) / 1000)} kbit/s`,
    ...streams.map(
      ({ codec_type: type, codec_name: codec, width, height, sample_rate: rate }) =>
        `${type}: ${codec}${width ? ` ${width}×${height}` : ""}${rate ? ` ${rate} Hz` : ""}`,
    ),
  ];
}

interface ProbeResult {
  readonly format: { readonly format_name: string; readonly duration: string; readonly bit_rate: string };
  readonly streams: readonly {
    readonly codec_type: string;
    readonly codec_name: string;
    readonly width?: number;
    readonly height?: number;
    readonly sample_rate?: string;
  }[];
}
