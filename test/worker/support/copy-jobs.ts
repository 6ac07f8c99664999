import { env } from "./env.ts";

/**
 * Copies a job so many times by one statement.
 *
 * @param columns what each copy has in the place of the original's, as SQL; `numbers.n` counts from 1
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
