import { and, desc, eq, isNotNull, lt, ne, sql } from "drizzle-orm";
import type { EntryStatus } from "../../../schema/api/subscriptions/subscription.ts";
import { subscriptionEntries, subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import type { Db } from "../connection.ts";

/** Queries for what is known of the entries of subscriptions. */

export type EntryRow = typeof subscriptionEntries.$inferSelect;
export type NewEntryRow = typeof subscriptionEntries.$inferInsert;

/** An entry as a source lists it, for all who follow the source. */
export type OfferedEntry = Pick<
  EntryRow,
  | "key"
  | "position"
  | "url"
  | "sealed_urls"
  | "sealing_key_id"
  | "media_url"
  | "source_id"
  | "title"
  | "description"
  | "channel"
  | "published_at"
  | "duration"
  | "live"
  | "is_short"
  | "reason"
> & {
  /** It came back into view at the end of the list: older than what was listed there before. */
  readonly is_tail: boolean;
};

/** The same with the status that it begins with, for one subscription. */
export type PrimedEntry = OfferedEntry & { readonly status: EntryStatus };

/** A page of a subscription's entries, newest first. */
export const entryPageQuery = (
  db: Db,
  subscriptionId: string,
  { status, cursor, limit }: { status?: EntryStatus | undefined; cursor?: string | undefined; limit: number },
) =>
  db
    .select()
    .from(subscriptionEntries)
    .where(
      and(
        eq(subscriptionEntries.subscription_id, subscriptionId),
        status === undefined ? undefined : eq(subscriptionEntries.status, status),
        cursor === undefined ? undefined : lt(subscriptionEntries.id, cursor),
      ),
    )
    .orderBy(desc(subscriptionEntries.id))
    .limit(limit);

/** Entries whose address was sealed with another key. */
export const entriesToResealQuery = (db: Db, keyId: string, limit: number) =>
  db
    .select({
      id: subscriptionEntries.id,
      sealed_urls: subscriptionEntries.sealed_urls,
      feed_id: subscriptions.feed_id,
    })
    .from(subscriptionEntries)
    .innerJoin(subscriptions, eq(subscriptions.id, subscriptionEntries.subscription_id))
    .where(and(isNotNull(subscriptionEntries.sealing_key_id), ne(subscriptionEntries.sealing_key_id, keyId)))
    .limit(limit);

export const replaceEntryUrls = (
  db: Db,
  { id, sealed_urls }: { id: string; sealed_urls: string | null },
  changes: Pick<NewEntryRow, "sealed_urls" | "sealing_key_id">,
) =>
  db
    .update(subscriptionEntries)
    .set(changes)
    .where(and(eq(subscriptionEntries.id, id), sql`${subscriptionEntries.sealed_urls} is ${sealed_urls}`));
