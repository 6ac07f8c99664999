import { env } from "./env.ts";

/**
 * Copies a job this many times with one statement.
 *
 * @param columns what each copy has instead of the original's values, as SQL; `numbers.n` counts from 1
 */
export async function copyJobs(id: string, count: number, columns: Record<string, string>): Promise<void> {
  const { results } = await env.DB.prepare("select name from pragma_table_info('jobs')").all<{
    name: string;
  }>();
  const own: Record<string, string> = { id: "substr(id, 1, 24) || printf('%012x', numbers.n)", ...columns };
  const values = results.map(({ name }) => own[name] ?? `jobs.${name}`).join(", ");
  const names = results.map(({ name }) => name).join(", ");
  await env.DB.prepare(
    `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${count})
    insert into jobs (${names}) select ${values} from jobs, numbers where id = ?`,
  )
    .bind(id)
    .run();
}
