import { text } from "node:stream/consumers";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { openObjectStore } from "../../processor/storage/open-object-store.ts";
import { partSizeFor } from "../../processor/storage/uploads/part-size.ts";
import { PartUploader } from "../../processor/storage/uploads/part-uploader.ts";
import type { StorageTarget } from "../../schema/wire/run.ts";
import { inlineDigest } from "./inline-digest.ts";
import { uploadStream } from "./upload-stream.ts";

/** What the program below reads from its standard input. */
export interface LargeUpload {
  readonly target: StorageTarget;
  readonly key: string;
  readonly bytes: number;
  /** Allowed `host:port` pairs; every name resolves to this machine. */
  readonly opened: readonly string[];
}

/** What it prints. */
export interface LargeUploadResult {
  readonly sha256: string;
  readonly bytes: number;
  readonly parts: number;
  readonly seconds: number;
  readonly peakRssMiB: number;
}

const CHUNK = 64 << 10;

/** A long stream, in chunks as a connection delivers them. */
async function* zeros(bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK) yield Buffer.alloc(Math.min(CHUNK, left));
}

/** Uploads a long stream in a separate process, so that its memory can be measured. */
if (import.meta.main) {
  const { target, key, bytes, opened }: LargeUpload = JSON.parse(await text(process.stdin));
  const policy = new EgressPolicy({
    opened: new Set(opened),
    lookup: async () => [{ address: "127.0.0.1", family: 4 }],
  });
  const store = openObjectStore(target, policy);
  const { signal } = new AbortController();
  const startedAt = performance.now();
  const upload = await store.open({ key, contentType: "application/octet-stream" }, signal);
  const partBytes = partSizeFor(bytes, store.limits);
  const uploader = new PartUploader({
    upload,
    limits: store.limits,
    partBytes,
    signal,
    digest: inlineDigest(),
  });
  const { sha256, parts } = await uploadStream(uploader, zeros(bytes));
  const seconds = (performance.now() - startedAt) / 1000;
  const peakRssMiB = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ sha256, bytes, parts, seconds, peakRssMiB }));
  policy.close();
}
