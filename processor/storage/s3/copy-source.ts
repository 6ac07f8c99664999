import { encodeKey } from "../../../schema/storage/object-path.ts";
import type { StoredObject } from "../object-store.ts";
import type { ObjectSpan } from "../uploads/parts-copy.ts";
import type { XmlService } from "./xml-service.ts";

/** Prefix of the headers of each service. */
const PREFIXES = { s3: "x-amz-", gcs: "x-goog-", oss: "x-oss-" } as const;

/** The header that compares the source's version: Google's objects have a generation, all others an ETag. */
const CONDITIONS = { s3: "if-match", gcs: "if-generation-match", oss: "if-match" } as const;

/**
 * The headers of a request that reads its content from a stored object, on condition that it has not changed.
 *
 * @param span null for the whole object
 */
export function copySource(
  { provider, bucket }: Pick<XmlService, "provider" | "bucket">,
  { key, version }: StoredObject,
  span: ObjectSpan | null,
): Record<string, string> {
  const name = `${PREFIXES[provider]}copy-source`;
  return {
    [name]: `/${bucket}/${encodeKey(key)}`,
    [`${name}-${CONDITIONS[provider]}`]: version,
    ...(span === null ? {} : { [`${name}-range`]: `bytes=${span.start}-${span.end - 1}` }),
  };
}
