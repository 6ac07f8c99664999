/**
 * Where a caller wrote the storage, so that a refusal names its field in the same way: `storage` of a job's request, or
 * the `body` itself, as on `/user/s3`.
 */
export type StorageMember = "storage" | "body";

/**
 * The path of a storage's field, or of the storage as a whole.
 *
 * @example memberOf("storage", "endpoint") // "storage.endpoint"
 * @example memberOf("body", "endpoint") // "endpoint"
 */
export function memberOf(within: StorageMember, field?: string): string {
  if (field === undefined) return within;
  return within === "body" ? field : `${within}.${field}`;
}
