/**
 * The second half of the usual method, as a program that is already running: the provider's SDK, used as its
 * documentation shows. Its start-up does not count.
 */
import { createReadStream } from "node:fs";
import { S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import type { UploadOrder } from "./peer.ts";

process.once("disconnect", () => process.exit(0));
process.on("SIGINT", () => {});
process.on("message", ({ file, target }: UploadOrder) => {
  const client = new S3Client({
    ...{ endpoint: target.endpoint, region: target.region, forcePathStyle: true },
    credentials: { accessKeyId: target.access_key, secretAccessKey: target.secret_key },
  });
  const params = { Bucket: target.bucket, Key: "bench/peer.mp4", Body: createReadStream(file) };
  new Upload({ client, params }).done().then(
    () => process.send?.("done"),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.send?.("ready");
