/** The part of a D1 database that is used here. */
interface Database {
  prepare(query: string): Statement;
}
interface Statement {
  bind(...values: unknown[]): Statement;
  run(): Promise<unknown>;
  all<T>(): Promise<{ results: T[] }>;
}

/** Rows that one statement writes; a statement may take 30 seconds. */
const AT_ONCE = 4_000;
const DAY_MS = 24 * 60 * 60_000;

/**
 * Fills the table of jobs: copies of one ended job of an account, spread over the days before `until`, oldest first.
 *
 * @param jobId of the job that is copied
 */
export async function seedJobs(
  d1: Database,
  { jobId, count, until, days }: { jobId: string; count: number; until: number; days: number },
): Promise<void> {
  const { results } = await d1.prepare("select name from pragma_table_info('jobs')").all<{ name: string }>();
  const names = results.map(({ name }) => name);
  const time = `cast(${until - days * DAY_MS} + ${(days * DAY_MS) / count} * numbers.n as integer)`;
  const own: Readonly<Record<string, string>> = {
    id: `printf('%08x-%04x-7000-8000-%012x', ${time} >> 16, ${time} & 65535, numbers.n)`,
    created_at: time,
    started_at: `${time} + 1000`,
    finished_at: `${time} + 60000`,
    object_key: "jobs.object_key || '.' || numbers.n",
    object_stem: "jobs.object_key || '.' || numbers.n || '.'",
    status: "iif(numbers.n % 10 = 0, 'Failed', 'Completed')",
  };
  const values = names.map((name) => own[name] ?? `jobs.${name}`).join(", ");
  for (let first = 1; first <= count; first += AT_ONCE) {
    const last = Math.min(count, first + AT_ONCE - 1);
    await d1
      .prepare(
        `with recursive numbers(n) as (select ${first} union all select n + 1 from numbers where n < ${last})
        insert into jobs (${names.join(", ")}) select ${values} from jobs, numbers where jobs.id = ?`,
      )
      .bind(jobId)
      .run();
  }
}
