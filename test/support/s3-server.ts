import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Miniflare } from "miniflare";

export interface S3Server {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Keys of uploads that were begun and neither completed nor aborted, from the server's own records. */
  unfinishedUploads(): Promise<string[]>;
  close(): Promise<void>;
}

/**
 * Cloudflare's local R2 with its S3 endpoint: real signatures, multipart and presigned links. It cannot list multipart
 * uploads (501), so {@link S3Server.unfinishedUploads} reads its database.
 */
export async function startS3(): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), "s3-"));
  const credentials = {
    accessKeyId: `AK${randomBytes(8).toString("hex")}`,
    secretAccessKey: randomBytes(24).toString("hex"),
  };
  const bucket = "media";
  const server = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    resourcePersistencePath: folder,
    workers: [
      {
        config: {
          name: "storage",
          compatibilityDate: "2026-10-01",
          manifest: {
            mainModule: "index.mjs",
            modules: {
              "index.mjs": { type: "esm", contents: "export default { fetch: () => new Response() }" },
            },
          },
          env: { MEDIA: { type: "r2", name: bucket, dev: { experimentalS3Credentials: credentials } } },
        },
      },
    ],
  });
  const url = await server.ready;
  return {
    ...credentials,
    bucket,
    region: "auto",
    endpoint: new URL("/cdn-cgi/local/r2/s3", url).href,
    unfinishedUploads: () => unfinishedUploads(folder),
    async close() {
      await server.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Keys of unfinished uploads in the embedded buckets whose files are somewhere below `folder`. */
export function unfinishedUploads(folder: string): Promise<string[]> {
  const IN_PROGRESS = 0;
  return queryKeys(folder, "_mf_multipart_uploads", `WHERE state = ${IN_PROGRESS}`);
}

/** Keys of all objects in the embedded buckets whose files are somewhere below `folder`. */
export const storedKeys = (folder: string): Promise<string[]> => queryKeys(folder, "_mf_objects", "");

async function queryKeys(folder: string, table: string, where: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return files
    .filter((file) => file.includes("R2BucketObject") && file.endsWith(".sqlite"))
    .flatMap((file) => {
      const database = new DatabaseSync(join(folder, file), { readOnly: true });
      try {
        const known = database.prepare("SELECT name FROM sqlite_master WHERE name = ?").all(table);
        if (known.length === 0) return [];
        return database
          .prepare(`SELECT key FROM ${table} ${where}`)
          .all()
          .map((row) => String(row.key));
      } finally {
        database.close();
      }
    });
}
