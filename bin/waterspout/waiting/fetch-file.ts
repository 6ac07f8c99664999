import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";

/** A file that was fetched through its signed link. */
export interface FetchedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/**
 * Downloads what a link gives, hashing on the way; under its name the file is there whole or not at all.
 *
 * @param onBytes receives how many bytes have arrived so far
 * @throws Error when the link refuses, or the bytes do not have the expected hash
 */
export async function fetchFile(
  link: string,
  path: string,
  expectedSha256: string | null,
  signal: AbortSignal,
  onBytes: (bytes: number) => void = () => {},
): Promise<FetchedFile> {
  const response = await fetch(link, { signal });
  if (!response.ok || !response.body) throw new Error(`The signed link answered ${response.status}`);
  const hash = createHash("sha256");
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      onBytes(size);
      done(null, chunk);
    },
  });
  const draft = `${path}.part`;
  try {
    await pipeline(Readable.fromWeb(response.body as ReadableStream), measure, createWriteStream(draft), {
      signal,
    });
    const sha256 = hash.digest("hex");
    if (expectedSha256 !== null && sha256 !== expectedSha256) {
      throw new Error(`The file's SHA-256 is ${sha256}, but the job says ${expectedSha256}`);
    }
    await rename(draft, path);
    return { path, size, sha256 };
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
