import { and, desc, eq, inArray, lt, type SQL, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import type { Db } from "../connection.ts";
import { conditionOf, type JobFilter, type JobPage, type JobRow } from "../job-rows.ts";

/** Jobs that one page looks through at most: what a search costs, however many jobs the account has. */
export const SEARCH_SPAN = 2_000;

/** What jobs are searched by. */
export interface SearchWords {
  /** Each occurs in what a person knows of the job, in upper or lower case. */
  readonly words: readonly string[];
}

export interface FoundJobs {
  /** With one more row than the page holds if there is one. */
  readonly rows: JobRow[];
  /** The oldest job that was looked through; null if no older ones are left. */
  readonly oldest: string | null;
}

/** A page of jobs that contain all words, newest first, from the next {@link SEARCH_SPAN} jobs that the filter lets through. */
export async function searchJobs(
  db: Db,
  filter: JobFilter,
  search: SearchWords,
  page: Pick<JobPage, "limit" | "cursor">,
): Promise<FoundJobs> {
  const [rows, spans] = await db.batch([
    foundQuery(db, filter, search, page),
    spanEndQuery(db, filter, page.cursor),
  ]);
  return { rows, oldest: spans[0]?.oldest ?? null };
}

export const foundQuery = (
  db: Db,
  filter: JobFilter,
  { words }: SearchWords,
  { limit, cursor }: Pick<JobPage, "limit" | "cursor">,
) => {
  const span = db.$with("span").as(
    db
      .select({ id: jobs.id, known: sql<string>`${KNOWN}`.as("known") })
      .from(jobs)
      .where(older(filter, cursor))
      .orderBy(desc(jobs.id))
      .limit(SEARCH_SPAN),
  );
  const matching = db
    .with(span)
    .select({ id: span.id })
    .from(span)
    .where(and(...words.map((word) => contains(sql`${span.known}`, word))))
    .orderBy(desc(span.id))
    .limit(limit + 1);
  return db.select().from(jobs).where(inArray(jobs.id, matching)).orderBy(desc(jobs.id));
};

/** The last job of the span if it is a full one, read from the index alone. */
export const spanEndQuery = (db: Db, filter: JobFilter, cursor: string | undefined) =>
  db
    .select({ oldest: jobs.id })
    .from(jobs)
    .where(older(filter, cursor))
    .orderBy(desc(jobs.id))
    .limit(1)
    .offset(SEARCH_SPAN - 1);

/** A job by its id, if the filter lets it through. */
export const jobByIdQuery = (db: Db, filter: JobFilter, id: string) =>
  db
    .select()
    .from(jobs)
    .where(and(conditionOf(filter), eq(jobs.id, id)));

const older = (filter: JobFilter, cursor: string | undefined): SQL | undefined =>
  and(conditionOf(filter), cursor === undefined ? undefined : lt(jobs.id, cursor));

/** What a request calls its file. */
const requested = (member: "filename" | "folder"): SQL =>
  sql`json_extract(${jobs.request}, ${`$.${member}`})`;

/** Title, address and names of the job; those that are missing are empty. */
const KNOWN = sql.join(
  [jobs.title, jobs.url, jobs.object_key, jobs.filename, requested("filename"), requested("folder")].map(
    (value) => sql`coalesce(${value}, '')`,
  ),
  sql` || char(10) || `,
);

/** SQLite changes the case of ASCII letters only: of other words, the usual ways to write them are looked for. */
function contains(text: SQL, word: string): SQL {
  const lower = word.toLowerCase();
  const isAscii = lower.length === new TextEncoder().encode(lower).length;
  const forms = isAscii ? [lower] : [...new Set([lower, word.toUpperCase(), capitalised(lower), word])];
  const tests = forms.map((form) => sql`instr(lower(${text}), ${lowerAscii(form)}) > 0`);
  return sql`(${sql.join(tests, sql` or `)})`;
}

const capitalised = (word: string): string => {
  const [first = ""] = word;
  return first.toUpperCase() + word.slice(first.length);
};

const lowerAscii = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
