import { S3Client, type S3Options } from "./s3-client.ts";
import { S3Upload } from "./s3-upload.ts";
import type { NewObject, PartLimits, Sink, UnfinishedUpload, Upload } from "./sink.ts";
import { xmlElements, xmlText } from "./xml.ts";

/** What S3 and R2 both take: R2 wants equal parts, and bodies that leave a container are limited in size. */
const LIMITS: PartLimits = { minBytes: 5 << 20, maxBytes: 64 << 20, maxParts: 10_000, equalParts: true };

/**
 * Any server that speaks S3 with Signature Version 4: AWS, Cloudflare R2 (also its local endpoint), Backblaze, MinIO.
 *
 * An empty object is an upload with one empty part; S3 and R2 (also its local endpoint) take it.
 *
 * @example new S3Sink({ endpoint: "https://ACCOUNT.r2.cloudflarestorage.com", bucket: "media", region: "auto", … })
 */
export class S3Sink implements Sink {
  readonly provider = "s3";
  readonly limits = LIMITS;
  readonly #client: S3Client;

  constructor(options: S3Options) {
    this.#client = new S3Client(options);
  }

  open(object: NewObject, signal: AbortSignal): Promise<Upload> {
    return S3Upload.open(this.#client, object, signal);
  }

  async abort(key: string, uploadRef: string): Promise<void> {
    await this.#client.send({ method: "DELETE", key, query: { uploadId: uploadRef }, accept: [404] });
  }

  async listUploads(key: string): Promise<UnfinishedUpload[]> {
    const found: UnfinishedUpload[] = [];
    for (let marker: Record<string, string> | null = {}; marker !== null; ) {
      const query = { uploads: "", prefix: key, ...marker };
      const { status, text } = await this.#client.send({ method: "GET", key: "", query, accept: [501] });
      if (status === 501) return [];
      const uploads = xmlElements(text, "Upload");
      found.push(...uploads.filter((upload) => xmlText(upload, "Key") === key).map(unfinished));
      marker = nextPage(text, key);
    }
    return found;
  }

  async delete(key: string): Promise<void> {
    await this.#client.send({ method: "DELETE", key, accept: [404] });
  }

  signGet(key: string, seconds: number, fileName?: string): Promise<string> {
    const name = fileName === undefined ? undefined : encodeURIComponent(fileName).replaceAll("'", "%27");
    return this.#client.presign(
      key,
      seconds,
      name ? { "response-content-disposition": `attachment; filename*=UTF-8''${name}` } : {},
    );
  }

  close(): void {}
}

function unfinished(upload: string): UnfinishedUpload {
  const startedAt = Date.parse(xmlText(upload, "Initiated") ?? "");
  return { ref: xmlText(upload, "UploadId") ?? "", startedAt: Number.isNaN(startedAt) ? 0 : startedAt };
}

/** Uploads are listed by key: once another key was reached, exactly `key` cannot come again. */
function nextPage(text: string, key: string): Record<string, string> | null {
  const keyMarker = xmlText(text, "NextKeyMarker");
  const uploadMarker = xmlText(text, "NextUploadIdMarker");
  if (xmlText(text, "IsTruncated") !== "true" || keyMarker !== key || !uploadMarker) return null;
  return { "key-marker": keyMarker, "upload-id-marker": uploadMarker };
}
