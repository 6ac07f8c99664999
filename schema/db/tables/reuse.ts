import { sql } from "drizzle-orm";
import { index, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Adjustment } from "../../media.ts";
import type { SourceFacts } from "../../wire/reuse.ts";
import { json, time } from "./columns.ts";

/** How a media item is known: by the address that a job fetches, by its site's own name, or by its bytes. */
export const MEDIA_KINDS = ["address", "media", "bytes"] as const;

/** What the run of a delivered file reported, as far as the table of jobs does not hold it. */
export interface MediaFacts {
  readonly source: SourceFacts;
  /** The run's own, without those of the request. */
  readonly adjustments: readonly Adjustment[];
  /** How many files lie next to the media: one that lost some of them is not copied. */
  readonly extras: number;
}

/**
 * What the jobs of an account deliver, so that a later job of the same account copies the file instead of fetching it
 * again. A job has a row for each way in which its media is known; the first one, `address`, is stored with the job.
 */
export const jobMedia = sqliteTable(
  "job_media",
  {
    account_id: text("account_id").notNull(),
    /** Hash of the address, name or bytes; it begins with the kind. */
    source: text("source").notNull(),
    /** Hash of everything else that determines the files: plan and options. */
    variant: text("variant").notNull(),
    job_id: text("job_id").notNull(),
    kind: text("kind", { enum: MEDIA_KINDS }).notNull(),
    /** Null until the file is delivered, and for what must not be copied, like recordings. */
    facts: json<MediaFacts>("facts"),
    /** When the bytes were read from the source, also by a job whose file was copied; null until then. */
    fetched_at: time("fetched_at"),
    /** The running job for the same media that this one waits for. */
    waits_for: text("waits_for"),
    /** The job's due time while it waits. */
    waits_until: time("waits_until"),
  },
  (table) => [
    primaryKey({ columns: [table.account_id, table.source, table.variant, table.job_id] }),
    index("job_media_delivered")
      .on(table.account_id, table.source, table.variant, table.fetched_at, table.job_id)
      .where(sql`fetched_at is not null`),
    index("job_media_job").on(table.job_id, table.kind),
    index("job_media_waiting").on(table.waits_for).where(sql`waits_for is not null`),
  ],
);
