import { and, eq, gt, lt, ne, sql } from "drizzle-orm";
import { ytdlpTrials } from "../../../schema/db/tables/ytdlp.ts";
import type { Db } from "../connection.ts";
import { rowValues } from "../fragments.ts";
import type { GuardedStatement } from "../guarded-statements.ts";

/** How newer versions of yt-dlp do at each site; the rules are in `worker/services/ytdlp/`. */

export type TrialRow = typeof ytdlpTrials.$inferSelect;

/** Rows that are read at once; sites are few, and so are versions. */
const MAX_ROWS = 1_000;

/** Trials that changed after a time. */
export const trialsQuery = (db: Db, since: number) =>
  db.select().from(ytdlpTrials).where(gt(ytdlpTrials.updated_at, since)).limit(MAX_ROWS);

/** The trials of one site. */
export const trialsOfSiteQuery = (db: Db, site: string) =>
  db.select().from(ytdlpTrials).where(eq(ytdlpTrials.site, site));

/** What a run adds to the figures of a trial. */
export interface TrialEvidence
  extends Pick<TrialRow, "site" | "version" | "tries" | "served">,
    Pick<TrialRow, "pinned_faults" | "candidate_faults"> {
  /** When the run was claimed: it says nothing about a state that is younger. */
  readonly claimedAt: number;
}

/** Adds evidence together with the move that it came with. Evidence of concurrent runs adds up. */
export const addEvidence =
  ({ claimedAt, ...added }: TrialEvidence, now: number): GuardedStatement =>
  (db, guard) => {
    const table = ytdlpTrials;
    const isFresh = sql`${table.changed_at} <= ${claimedAt}`;
    // while a version rests, only runs that did not know of it fail with it
    const counts = sql`(${isFresh} and ${table.until} <= ${now})`;
    const sum = (column: typeof table.pinned_faults | typeof table.candidate_faults, change: number) =>
      sql`max(0, ${column} + ${change})`;
    const first: TrialRow = {
      ...{ ...added, state: "trial", reported_state: "trial", strikes: 0, until: 0, probe_until: 0 },
      pinned_faults: Math.max(0, added.pinned_faults),
      candidate_faults: Math.max(0, added.candidate_faults),
      ...{ served_since: added.served, changed_at: 0, updated_at: now },
    };
    return db
      .insert(table)
      .select(sql`select ${rowValues(table, first)} where ${guard}`)
      .onConflictDoUpdate({
        target: [table.site, table.version],
        set: {
          pinned_faults: sql`iif(${isFresh}, ${sum(table.pinned_faults, added.pinned_faults)}, ${table.pinned_faults})`,
          candidate_faults: sql`iif(${counts}, ${sum(table.candidate_faults, added.candidate_faults)}, ${table.candidate_faults})`,
          served_since: sql`${table.served_since} + iif(${counts}, ${added.served}, 0)`,
          tries: sql`${table.tries} + ${added.tries}`,
          served: sql`${table.served} + ${added.served}`,
          updated_at: now,
        },
      });
  };

/** Writes a decision, unless another one was faster. @returns whether it was written */
export async function writeDecision(db: Db, read: TrialRow, decided: Partial<TrialRow>): Promise<boolean> {
  const changed = await db
    .update(ytdlpTrials)
    .set(decided)
    .where(
      and(
        isTrial(read),
        eq(ytdlpTrials.state, read.state),
        eq(ytdlpTrials.changed_at, read.changed_at),
        // two decisions of the same millisecond
        eq(ytdlpTrials.strikes, read.strikes),
      ),
    )
    .returning({ site: ytdlpTrials.site });
  return changed.length > 0;
}

/** Notes that a run tries whether a version that was rolled back does better again. */
export async function noteTrialProbe(db: Db, read: TrialRow, probeUntil: number): Promise<void> {
  await db
    .update(ytdlpTrials)
    .set({ probe_until: sql`max(${ytdlpTrials.probe_until}, ${probeUntil})` })
    .where(and(isTrial(read), eq(ytdlpTrials.changed_at, read.changed_at)));
}

/** Trials whose state was not reported to the operator yet. That a version is tried again is not worth a message. */
export const unreportedTrialsQuery = (db: Db, limit: number) =>
  db
    .select()
    .from(ytdlpTrials)
    .where(and(ne(ytdlpTrials.state, ytdlpTrials.reported_state), ne(ytdlpTrials.state, "trial")))
    .limit(limit);

/** @returns false if another caller was faster, or the trial has changed again */
export async function noteTrialReported(db: Db, row: TrialRow): Promise<boolean> {
  const changed = await db
    .update(ytdlpTrials)
    .set({ reported_state: row.state })
    .where(
      and(isTrial(row), eq(ytdlpTrials.state, row.state), eq(ytdlpTrials.reported_state, row.reported_state)),
    )
    .returning({ site: ytdlpTrials.site });
  return changed.length > 0;
}

const isTrial = ({ site, version }: Pick<TrialRow, "site" | "version">) =>
  and(eq(ytdlpTrials.site, site), eq(ytdlpTrials.version, version));

/** Removes trials of versions that nobody has used for long. @returns how many were removed */
export async function removeTrials(db: Db, before: number): Promise<number> {
  const { meta } = await db.delete(ytdlpTrials).where(lt(ytdlpTrials.updated_at, before));
  return meta.changes;
}
