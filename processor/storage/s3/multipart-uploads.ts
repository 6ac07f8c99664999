import { xmlElements, xmlText } from "../../../schema/storage/xml-answer.ts";
import type { UnfinishedUpload } from "../object-store.ts";
import type { S3ApiClient } from "./s3-api-client.ts";

/** Drops an unfinished upload; does nothing if there is none with this name. */
export async function abortMultipartUpload(client: S3ApiClient, key: string, ref: string): Promise<void> {
  await client.send({ method: "DELETE", key, query: { uploadId: ref }, accept: [404] });
}

/** Unfinished uploads of exactly this key; none if the server does not implement the listing, or the credentials may not list. */
export async function listMultipartUploads(client: S3ApiClient, key: string): Promise<UnfinishedUpload[]> {
  const found: UnfinishedUpload[] = [];
  for (let marker: Record<string, string> | null = {}; marker !== null; ) {
    const query = { uploads: "", prefix: key, ...marker };
    const { status, text } = await client.send({ method: "GET", key: "", query, accept: [403, 501] });
    if (status >= 400) return [];
    const uploads = xmlElements(text, "Upload");
    found.push(...uploads.filter((upload) => xmlText(upload, "Key") === key).map(unfinished));
    marker = nextPage(text, key);
  }
  return found;
}

/**
 * Sizes of an upload's parts in bytes, by their numbers.
 *
 * @returns null if the server does not implement the listing, or the credentials may not list
 */
export async function listPartSizes(
  client: S3ApiClient,
  key: string,
  ref: string,
): Promise<ReadonlyMap<number, number> | null> {
  const sizes = new Map<number, number>();
  for (let marker: string | undefined = "0"; marker !== undefined; ) {
    const query = { uploadId: ref, "part-number-marker": marker };
    const { status, text } = await client.send({ method: "GET", key, query, accept: [400, 403, 405, 501] });
    if (status >= 400) return null;
    for (const part of xmlElements(text, "Part")) {
      sizes.set(Number(xmlText(part, "PartNumber")), Number(xmlText(part, "Size")));
    }
    const next = xmlText(text, "NextPartNumberMarker");
    marker = xmlText(text, "IsTruncated") === "true" && next !== marker ? next : undefined;
  }
  return sizes;
}

function unfinished(upload: string): UnfinishedUpload {
  return { ref: xmlText(upload, "UploadId") ?? "", startedAt: epochMs(xmlText(upload, "Initiated")) };
}

/** Epoch milliseconds of a date that a server wrote; 0 when there is none. */
function epochMs(date: string | undefined): number {
  const parsed = Date.parse(date ?? "");
  return Number.isNaN(parsed) ? 0 : parsed;
}

/** Uploads are listed by key: once another key was reached, exactly `key` cannot come again. */
function nextPage(text: string, key: string): Record<string, string> | null {
  const keyMarker = xmlText(text, "NextKeyMarker");
  const uploadMarker = xmlText(text, "NextUploadIdMarker");
  if (xmlText(text, "IsTruncated") !== "true" || keyMarker !== key || !uploadMarker) return null;
  return { "key-marker": keyMarker, "upload-id-marker": uploadMarker };
}
