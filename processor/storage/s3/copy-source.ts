import { encodeKey } from "../../../schema/storage/object-path.ts";
import type { StoredObject } from "../object-store.ts";
import type { ObjectSpan } from "../uploads/parts-copy.ts";
import type { XmlService } from "./xml-service.ts";

const HEADERS = { s3: "x-amz-copy-source", gcs: "x-goog-copy-source", oss: "x-oss-copy-source" } as const;

/** The headers of a request that reads its content from a stored object. @param span null for the whole object */
export function copySource(
  { provider, bucket }: Pick<XmlService, "provider" | "bucket">,
  { key }: Pick<StoredObject, "key">,
  span: ObjectSpan | null,
): Record<string, string> {
  const name = HEADERS[provider];
  return {
    [name]: `/${bucket}/${encodeKey(key)}`,
    ...(span === null ? {} : { [`${name}-range`]: `bytes=${span.start}-${span.end - 1}` }),
  };
}
