import { and, eq, type SQL, sql } from "drizzle-orm";
import { batches, batchListings } from "../../../schema/db/tables/batches.ts";
import { batchQuery, type EntriesToStore, entriesStatements } from "../batch-rows.ts";
import type { Db } from "../connection.ts";
import { unfinishedOf } from "../job-rows.ts";
import { ownersQuery } from "../subscriptions/subscription-rows.ts";
import { admission } from "../usage-rows.ts";
import { type BatchListingRow, fileNamesQuery, findListing, moveListing } from "./listing-rows.ts";

/** A listing that has not ended, with its batch, its owner, and the names of the batch's files. */
export async function readListing(db: Db, batchId: string) {
  const listing = await findListing(db, batchId);
  if (!listing || listing.outcome !== null) return undefined;
  const [[batch], [owner], files] = await db.batch([
    batchQuery(db, batchId),
    ownersQuery(db, [listing.account_id]),
    fileNamesQuery(db, batchId),
  ]);
  return batch && batch.finished_at === null && batch.cancelled_at === null
    ? { listing, batch, owner, files }
    : undefined;
}

/**
 * Stores entries of a batch and how far its list was read, in one transaction, if nobody else did so meanwhile, the batch
 * was not cancelled, and the entries fit into the allowance.
 *
 * @returns false if it stored nothing
 */
export async function storeEntries(
  db: Db,
  before: BatchListingRow,
  after: BatchListingRow,
  entries: EntriesToStore,
): Promise<boolean> {
  const { batch_id: id } = before;
  const { rows } = entries.jobs;
  const isGoing = sql`exists (select 1 from ${batches} where ${batches.id} = ${id}
    and ${batches.cancelled_at} is null and ${batches.finished_at} is null)`;
  const fits = admission(entries.held, unfinishedOf(rows)).condition;
  const open = moveListing(db, before, after, and(isGoing, fits) as SQL);
  const isOpen = sql`exists (select 1 from ${batchListings} as moved
    where moved.batch_id = ${id} and moved.fence = ${after.fence})`;
  const count = db
    .update(batches)
    .set({ total: sql`${batches.total} + ${rows.length}` })
    .where(and(eq(batches.id, id), isOpen));
  const statements = [open, ...entriesStatements(db, entries, isOpen), count];
  const [opened] = await db.batch(statements as unknown as [typeof open]);
  return opened.length > 0;
}
