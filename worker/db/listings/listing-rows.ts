import { and, asc, eq, isNull, ne, type SQL, sql } from "drizzle-orm";
import { batches, batchListings } from "../../../schema/db/tables/batches.ts";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import type { Db } from "../connection.ts";
import { rowValues } from "../fragments.ts";

/** How far the lists of batches were read that are too long for one request. */

export type BatchListingRow = typeof batchListings.$inferSelect;

/** What a batch shows of its list. */
export type ListingFacts = Pick<BatchListingRow, "first" | "due_at" | "error" | "outcome">;

/** A column of a query of batches; null for a list that the request read whole. */
export const listingFacts = sql<ListingFacts | null>`(
  select json_object('first', listing.first, 'due_at', listing.due_at, 'error', listing.error, 'outcome', listing.outcome)
  from ${batchListings} as listing where listing.batch_id = ${batches.id})`
  .mapWith((text: string) => JSON.parse(text) as ListingFacts)
  .as("listing");

/** The list of a batch is still being read. */
export const isListing = (batchId: SQL | string): SQL => sql`exists (
  select 1 from ${batchListings} as listing where listing.batch_id = ${batchId} and listing.outcome is null)`;

/** Belongs into the statements that store the batch. */
export const insertListing = (db: Db, listing: BatchListingRow, guard: SQL) =>
  db
    .insert(batchListings)
    .select(sql`select ${rowValues(batchListings, listing)} where ${guard}`)
    .onConflictDoNothing();

export async function findListing(db: Db, batchId: string): Promise<BatchListingRow | undefined> {
  return (await db.select().from(batchListings).where(eq(batchListings.batch_id, batchId)))[0];
}

/** The columns in which a listing that ended has nothing any more. */
export const ENDED = { sealed: null, sealing_key_id: null, known: null, due_at: null } as const;

/** Ends the listing of a batch that is cancelled. */
export const cancelListing = (db: Db, batchId: string) =>
  db
    .update(batchListings)
    .set({ ...ENDED, outcome: "cancelled" })
    .where(
      and(
        eq(batchListings.batch_id, batchId),
        isNull(batchListings.outcome),
        sql`exists (select 1 from ${batches} where ${batches.id} = ${batchId} and ${batches.cancelled_at} is not null)`,
      ),
    );

/** Changes a listing, if nobody else did since it was read, and it has not ended. */
export const moveListing = (
  db: Db,
  { batch_id, fence }: Pick<BatchListingRow, "batch_id" | "fence">,
  changes: Partial<BatchListingRow>,
  condition: SQL = sql`true`,
) =>
  db
    .update(batchListings)
    .set(changes)
    .where(
      and(
        eq(batchListings.batch_id, batch_id),
        eq(batchListings.fence, fence),
        isNull(batchListings.outcome),
        condition,
      ),
    )
    .returning({ batch_id: batchListings.batch_id });

/** The names of a batch's files: null if the run derives it. */
export const fileNamesQuery = (db: Db, batchId: string) =>
  db
    .select({ filename: jobs.filename, url: jobs.url })
    .from(jobs)
    .where(eq(jobs.batch_id, batchId))
    .orderBy(asc(jobs.batch_index));

/** Listings whose request was sealed with another key. */
export const listingsToResealQuery = (db: Db, keyId: string, limit: number) =>
  db
    .select()
    .from(batchListings)
    .where(and(sql`${batchListings.sealing_key_id} is not null`, ne(batchListings.sealing_key_id, keyId)))
    .limit(limit);

export const replaceListingRequest = (
  db: Db,
  { batch_id, sealed }: Pick<BatchListingRow, "batch_id" | "sealed">,
  changes: Pick<BatchListingRow, "sealed" | "sealing_key_id">,
) =>
  db
    .update(batchListings)
    .set(changes)
    .where(and(eq(batchListings.batch_id, batch_id), sql`${batchListings.sealed} is ${sealed}`));
