import { type AllowedHosts, judgeUrl } from "../../../../schema/address.ts";
import { addressOf, bucketUrl } from "../../../../schema/storage/address.ts";
import type { StorageTarget } from "../../../../schema/wire/run.ts";
import { invalidMember } from "../../../lib/api-error.ts";
import { memberOf, type StorageMember } from "./storage-member.ts";

/** A valid bucket name where the name becomes part of a host. Anything else could change the host. */
const HOST_LABELS = /^[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?$/i;

/**
 * Refuses storage at addresses that are not public, by the same policy as for URLs.
 *
 * @param within where the caller wrote the storage
 * @throws ApiError `invalid_request`
 */
export function judgeTarget(target: StorageTarget, opened: AllowedHosts, within: StorageMember): void {
  for (const url of addressesOf(target, within)) {
    const verdict = judgeUrl(new URL(url), opened);
    if (!verdict.allowed) {
      throw invalidMember(memberOf(within, "endpoint"), `must be a public address (${verdict.reason})`);
    }
  }
}

function addressesOf(target: StorageTarget, within: StorageMember): string[] {
  const address = addressOf(target);
  if (address.addressing === "path") return [target.endpoint];
  if (!HOST_LABELS.test(address.bucket)) {
    throw invalidMember(
      memberOf(within, "bucket"),
      "must be a bucket name: letters, digits, dots and hyphens",
    );
  }
  const own = bucketUrl(address);
  // an allowed endpoint also allows its bucket hosts, because they lead to the same service
  return [target.endpoint, ...(isBelow(own, target.endpoint) ? [] : [own])];
}

const isBelow = (own: string, endpoint: string): boolean =>
  new URL(own).host === new URL(endpoint).host || new URL(own).host.endsWith(`.${new URL(endpoint).host}`);
