import type { RequestContext } from "../../context.ts";
import { findAccount, storagePrefixOf } from "../../db/account-rows.ts";
import { countObjects, type ErasureRow } from "../../db/rights/erasure-rows.ts";
import { describeError } from "../../lib/log.ts";
import { archiveFolder } from "../storage/archive-folder.ts";
import { ErasureDelayedError, type Step } from "./step.ts";

/** Everything else of the account in the operator's bucket: objects that no row names any more, and its archive. */

/** Objects that are deleted concurrently. */
const AT_ONCE = 20;

export async function eraseObjects(context: RequestContext, erasure: ErasureRow): Promise<Step> {
  const account = await findAccount(context.db, erasure.account_id ?? "");
  if (!account) return "done";
  for (const prefix of [`${storagePrefixOf(account)}/`, archiveFolder(account.id)]) {
    try {
      const keys = await context.bucket.listKeys(prefix);
      for (let at = 0; at < keys.length; at += AT_ONCE) {
        await Promise.all(keys.slice(at, at + AT_ONCE).map((key) => context.bucket.deleteObject(key)));
      }
      if (keys.length === 0) continue;
      await countObjects(context.db, erasure.id, keys.length);
      return "more";
    } catch (error) {
      throw new ErasureDelayedError(`The operator's bucket did not delete files: ${describeError(error)}`);
    }
  }
  return "done";
}
