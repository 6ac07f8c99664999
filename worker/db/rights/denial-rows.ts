import { and, desc, eq, inArray, isNotNull, lt, lte, type SQL, sql } from "drizzle-orm";
import { denials, denialTerms, takedownJobs } from "../../../schema/db/tables/rights.ts";
import { type AuditRow, insertAudit } from "../audit-rows.ts";
import type { Db } from "../connection.ts";

/** What the operator denies, and the marks by which it is recognised. */

export type DenialRow = typeof denials.$inferSelect;

const valuesOf = (marks: readonly string[]): SQL =>
  sql`(select value from json_each(${JSON.stringify(marks)}))`;

/** A condition that holds while one of these marks is denied. */
export const isDenied = (marks: readonly string[]): SQL =>
  sql`exists (select 1 from ${denialTerms} where ${denialTerms.term} in ${valuesOf(marks)})`;

/** Whether anything is denied at all. */
export async function hasDenials(db: Db): Promise<boolean> {
  return (await db.select({ term: denialTerms.term }).from(denialTerms).limit(1)).length > 0;
}

/** The denials of sources with these marks, by mark. */
export async function denialsOf(db: Db, marks: readonly string[]): Promise<Map<string, DenialRow>> {
  if (marks.length === 0) return new Map();
  const found = await db
    .select({ term: denialTerms.term, denial: denials })
    .from(denialTerms)
    .innerJoin(denials, eq(denials.id, denialTerms.denial_id))
    .where(sql`${denialTerms.term} in ${valuesOf(marks)}`);
  return new Map(found.map(({ term, denial }) => [term, denial]));
}

const insertTerms = (db: Db, id: string, terms: readonly string[]) =>
  db
    .insert(denialTerms)
    .select(
      sql`select term.value, ${id} from json_each(${JSON.stringify(terms)}) as term
        where exists (select 1 from ${denials} where ${denials.id} = ${id})`,
    )
    .onConflictDoNothing();

/** Stores a denial. */
export async function insertDenial(
  db: Db,
  row: typeof denials.$inferInsert,
  terms: readonly string[],
  audit: readonly AuditRow[],
): Promise<DenialRow> {
  const [[stored]] = await db.batch([
    db.insert(denials).values(row).returning(),
    insertTerms(db, row.id, terms),
    ...audit.map((entry) => insertAudit(db, entry)),
  ]);
  if (!stored) throw new Error("a denial was not stored for no known reason");
  return stored;
}

/** Further names of what is denied, as a processor found them. Jobs are compared again. */
export async function learnTerms(db: Db, id: string, terms: readonly string[], now: number): Promise<void> {
  await db.batch([
    insertTerms(db, id, terms),
    db
      .update(denials)
      .set({ identified_at: now, scanned_until: "", scanned_at: null, takedown_finished_at: null })
      .where(eq(denials.id, id)),
  ]);
}

export const updateDenial = (db: Db, id: string, changes: Partial<DenialRow>) =>
  db.update(denials).set(changes).where(eq(denials.id, id));

export async function findDenial(db: Db, id: string): Promise<DenialRow | undefined> {
  return (await db.select().from(denials).where(eq(denials.id, id)))[0];
}

export async function termsOfDenial(db: Db, id: string): Promise<string[]> {
  const found = await db
    .select({ term: denialTerms.term })
    .from(denialTerms)
    .where(eq(denialTerms.denial_id, id));
  return found.map(({ term }) => term);
}

/** Denials after a cursor, newest first. */
export const denialPageQuery = (
  db: Db,
  { kind, cursor }: { readonly kind?: DenialRow["kind"] | undefined; readonly cursor?: string | undefined },
  limit: number,
) =>
  db
    .select()
    .from(denials)
    .where(
      and(
        kind === undefined ? undefined : eq(denials.kind, kind),
        cursor === undefined ? undefined : lt(denials.id, cursor),
      ),
    )
    .orderBy(desc(denials.id))
    .limit(limit);

/** Removes a denial with its takedown. @returns false if there is none */
export async function deleteDenial(db: Db, id: string, audit: AuditRow): Promise<boolean> {
  const exists = sql`exists (select 1 from ${denials} where ${denials.id} = ${id})`;
  const [, , , removed] = await db.batch([
    insertAudit(db, audit, exists),
    db.delete(denialTerms).where(eq(denialTerms.denial_id, id)),
    db.delete(takedownJobs).where(eq(takedownJobs.denial_id, id)),
    db.delete(denials).where(eq(denials.id, id)).returning({ id: denials.id }),
  ]);
  return removed.length > 0;
}

/** Begins a takedown, unless one was begun before. */
export async function beginTakedown(db: Db, id: string, now: number, audit: AuditRow): Promise<void> {
  const isNew = sql`exists (select 1 from ${denials} where ${denials.id} = ${id} and ${denials.takedown_at} is null)`;
  await db.batch([
    insertAudit(db, audit, isNew),
    db
      .update(denials)
      .set({ takedown_at: now, work_due_at: now })
      .where(and(eq(denials.id, id), sql`${denials.takedown_at} is null`)),
  ]);
}

/** Takes denials that are due, so that nobody else works on them until a time. @param id only this one */
export const takeDueDenials = (
  db: Db,
  { now, until, limit, id }: { now: number; until: number; limit: number; id?: string | undefined },
) =>
  db
    .update(denials)
    .set({ work_due_at: until })
    .where(
      inArray(
        denials.id,
        db
          .select({ id: denials.id })
          .from(denials)
          .where(
            and(
              isNotNull(denials.work_due_at),
              lte(denials.work_due_at, now),
              id === undefined ? undefined : eq(denials.id, id),
            ),
          )
          .orderBy(denials.work_due_at)
          .limit(limit),
      ),
    )
    .returning();
