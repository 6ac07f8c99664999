import { AwsClient } from "aws4fetch";
import type { StorageTarget } from "../../schema/wire/run.ts";
import type { ManagedBucketConfig } from "../env.ts";

/** How long signed links hold, in seconds. */
export const LINK_SECONDS = 24 * 60 * 60;

const TIMEOUT_MS = 10_000;

/** The operator's bucket, over its S3 interface. */
export interface ManagedBucket {
  /** For a run; held in the processor's memory only. */
  readonly target: StorageTarget;
  /** A link that anybody may read for 24 hours. */
  signedLink(key: string): Promise<string>;
  /** Deletes an object; one that is not there counts as deleted. @throws Error when the storage refuses or is away */
  deleteObject(key: string): Promise<void>;
  /** Aborts an unfinished upload; one that is not there counts as aborted. @throws Error when the storage refuses or is away */
  abortUpload(key: string, ref: string): Promise<void>;
}

export function createManagedBucket(
  config: ManagedBucketConfig,
  fetch: typeof globalThis.fetch,
): ManagedBucket {
  const client = new AwsClient({
    accessKeyId: config.accessKeyId,
    secretAccessKey: config.secretAccessKey,
    service: "s3",
    region: config.region,
  });
  const urlOf = (key: string) =>
    new URL(`${config.endpoint}/${config.bucket}/${key.split("/").map(encode).join("/")}`);

  async function remove(url: URL): Promise<void> {
    const response = await fetch(await client.sign(url, { method: "DELETE" }), {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (!response.ok && response.status !== 404)
      throw new Error(`the managed bucket answered ${response.status}`);
  }

  return {
    target: {
      provider: "s3",
      endpoint: config.endpoint,
      bucket: config.bucket,
      region: config.region,
      access_key: config.accessKeyId,
      secret_key: config.secretAccessKey,
      addressing: "path",
      managed: true,
    },
    async signedLink(key) {
      const url = urlOf(key);
      url.searchParams.set("X-Amz-Expires", String(LINK_SECONDS));
      return (await client.sign(url, { method: "GET", aws: { signQuery: true } })).url;
    },
    deleteObject: (key) => remove(urlOf(key)),
    async abortUpload(key, ref) {
      const url = urlOf(key);
      url.searchParams.set("uploadId", ref);
      await remove(url);
    },
  };
}

/** RFC 3986: signatures cover the path as it is sent, where these characters are escaped too. */
const encode = (segment: string): string =>
  encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
