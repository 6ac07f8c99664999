import { byteLength, cleanFilename, MAX_KEY_BYTES, objectKey } from "../../schema/storage/object-key.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { StorageFault } from "../fault.ts";

/**
 * The key of a run's file.
 *
 * @param defaultName used if the caller chose no name
 * @throws StorageFault for a key that no storage accepts
 */
export function objectName(request: RunRequest, defaultName: string): string {
  const filename = request.filename === null ? defaultName : cleanFilename(request.filename);
  const key = objectKey({ ...request.key_prefix, filename, extension: request.plan.format });
  if (byteLength(key) > MAX_KEY_BYTES) throw new StorageFault("upload_refused", "the object key is too long");
  return key;
}
