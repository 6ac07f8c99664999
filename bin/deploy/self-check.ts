import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { createClient } from "../../schema/client.ts";
import { makeSampleVideo } from "../demo/sample-video.ts";
import { StackError } from "../stack/errors.ts";
import { ensureLocalKey } from "../stack/local-account.ts";
import { checksOf } from "../waterspout/commands/doctor.ts";
import { fetchReadiness } from "../waterspout/connection/fetch-readiness.ts";
import { createdBy } from "../waterspout/waiting/created-by.ts";
import { outputOf, type Wrangler } from "./wrangler.ts";

export interface SelfCheckOptions {
  readonly url: string;
  readonly adminToken: string;
  readonly bucket: {
    readonly name: string;
    readonly endpoint: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly jurisdiction: string | null;
  };
  readonly wrangler: Wrangler;
  readonly log: (line: string) => void;
}

const SAMPLE_KEY = ".waterspout/sample.mp4";
const LINK_SECONDS = "3600";

/**
 * Delivers a sample through a deployment: the sample is stored in the bucket, and a signed link to it is the source of a job.
 *
 * @throws StackError with what does not work
 */
export async function checkDeployment(options: SelfCheckOptions): Promise<void> {
  const { url, adminToken, bucket, log, wrangler } = options;
  const readiness = await fetchReadiness(url, AbortSignal.timeout(60_000));
  for (const { status, name, detail } of checksOf(readiness)) {
    if (status !== "ok") log(`${name}: ${detail}`);
  }
  if (readiness.status === "unavailable") throw new StackError(`${url} is deployed, and its jobs would fail`);

  const folder = await mkdtemp(join(tmpdir(), "waterspout-deploy-"));
  try {
    const file = join(folder, "sample.mp4");
    await makeSampleVideo(file, process.env.FFMPEG_PATH || "ffmpeg");
    const within = bucket.jurisdiction === null ? [] : ["--jurisdiction", bucket.jurisdiction];
    const object = `${bucket.name}/${SAMPLE_KEY}`;
    outputOf(wrangler, ["r2", "object", "put", object, "--file", file, "--remote", ...within]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const api = createClient({ url, apiKey: await ensureLocalKey(url, adminToken, undefined) });
  log("delivering the sample …");
  const { id } = createdBy(await api.createJob({ body: { url: await signedLink(bucket) } }));
  const job = await api.waitForJob(id);
  if (job.status !== "Completed")
    throw new StackError(`The sample was not delivered: ${job.status}, ${job.error}`);
  log(`the sample was delivered: ${job.file_size} bytes`);
}

async function signedLink(bucket: SelfCheckOptions["bucket"]): Promise<string> {
  const client = new AwsClient({
    accessKeyId: bucket.accessKeyId,
    secretAccessKey: bucket.secretAccessKey,
    service: "s3",
    region: "auto",
  });
  const url = `${bucket.endpoint}/${bucket.name}/${SAMPLE_KEY}?X-Amz-Expires=${LINK_SECONDS}`;
  return (await client.sign(url, { aws: { signQuery: true } })).url;
}
