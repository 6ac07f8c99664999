import { type BucketAddress, objectUrl as urlOf } from "../../schema/storage/address.ts";
import type { Query } from "../../schema/storage/object-path.ts";
import { Fault } from "../fault.ts";

/**
 * The URL of an object, or of the bucket for an empty key.
 *
 * @throws Fault `internal` for a key that no URL can name: retrying would not help
 */
export function objectUrl(address: BucketAddress, key: string, query?: Query): string {
  try {
    return urlOf(address, key, query);
  } catch (error) {
    throw Fault.from(error, "internal");
  }
}
