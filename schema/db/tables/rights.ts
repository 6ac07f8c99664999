import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import {
  DENIAL_REASONS,
  DENIED_KINDS,
  type KeptReason,
  TAKEDOWN_JOB_STATES,
} from "../../api/operator/denied.ts";
import { ERASURE_PHASES, type ErasureCounts } from "../../api/operator/erasure.ts";
import { id, json, time } from "./columns.ts";

/** What the operator does not deliver, and how far the takedown of what was delivered got. */
export const denials = sqliteTable(
  "denials",
  {
    id: id(),
    kind: text("kind", { enum: DENIED_KINDS }).notNull(),
    /** As the operator sent it; secrets in addresses hidden. */
    value: text("value").notNull(),
    reason: text("reason", { enum: DENIAL_REASONS }).notNull(),
    /** For the operator only. */
    note: text("note"),
    /** Callers see it. */
    reference: text("reference"),
    created_at: time("created_at").notNull(),
    /** A processor has been asked which other names the media has; null while that is still to be tried. */
    identified_at: time("identified_at"),
    identify_tries: integer("identify_tries").notNull().default(0),
    /** When the takedown was requested; null without one. */
    takedown_at: time("takedown_at"),
    /** Jobs up to this id were compared. */
    scanned_until: text("scanned_until").notNull().default(""),
    /** When all jobs had been compared. */
    scanned_at: time("scanned_at"),
    /** When the last matching job was dealt with. */
    takedown_finished_at: time("takedown_finished_at"),
    /** Something is to be done after this; null: nothing. Raised by each step, so that two do not work at the same time. */
    work_due_at: time("work_due_at"),
  },
  (table) => [index("denials_due").on(table.work_due_at).where(sql`work_due_at is not null`)],
);

/** The marks that a denial consists of: a source that has one of them is denied. See `worker/services/rights/marks.ts`. */
export const denialTerms = sqliteTable(
  "denial_terms",
  {
    term: text("term").notNull(),
    denial_id: text("denial_id").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.term, table.denial_id] }),
    index("denial_terms_denial").on(table.denial_id),
  ],
);

/** Jobs that a takedown matched. It names no account, so that an erased one leaves its counts only. */
export const takedownJobs = sqliteTable(
  "takedown_jobs",
  {
    denial_id: text("denial_id").notNull(),
    job_id: text("job_id").notNull(),
    state: text("state", { enum: TAKEDOWN_JOB_STATES }).notNull(),
    /** Why its file was kept. */
    reason: text("reason").$type<KeptReason>(),
    /** Objects that were deleted: the file, its subtitles and thumbnail. */
    objects: integer("objects").notNull().default(0),
    /** Times that its storage did not delete them. */
    tries: integer("tries").notNull().default(0),
    /** Dealt with after this; null at the end. */
    due_at: time("due_at"),
    updated_at: time("updated_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.denial_id, table.job_id] }),
    index("takedown_jobs_due").on(table.denial_id, table.due_at).where(sql`due_at is not null`),
    index("takedown_jobs_state").on(table.denial_id, table.state, table.job_id),
    index("takedown_jobs_job").on(table.job_id),
  ],
);

/** Erasures of accounts: their progress, and the receipt. The id replaces that of the account in what is kept. */
export const erasures = sqliteTable(
  "erasures",
  {
    id: id(),
    /** Null at the end. */
    account_id: text("account_id"),
    /** Files in the account's own storage are deleted, too. */
    own_storage: integer("own_storage", { mode: "boolean" }).notNull(),
    phase: text("phase", { enum: ERASURE_PHASES }).notNull(),
    /** Rows and objects that were erased, by kind. */
    counts: json<ErasureCounts>("counts").notNull(),
    /** What was kept, by kind. */
    kept: json<ErasureCounts>("kept").notNull(),
    /** The last failure of a step: a sentence for the operator. */
    last_error: text("last_error"),
    requested_at: time("requested_at").notNull(),
    finished_at: time("finished_at"),
    /** The next step is made after this; null at the end. */
    work_due_at: time("work_due_at"),
  },
  (table) => [
    index("erasures_account").on(table.account_id).where(sql`account_id is not null`),
    index("erasures_due").on(table.work_due_at).where(sql`work_due_at is not null`),
  ],
);
