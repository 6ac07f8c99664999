import { type Placeholder, type SQL, sql } from "drizzle-orm";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { usage } from "../../schema/db/tables/usage.ts";

/**
 * Which account is next: of the accounts with a due job, the one with the fewest running jobs. Among equals it is the
 * one whose last run ended longest ago, then the one whose job has been due longest.
 */

/** Which waiting jobs may fill a slot. */
export interface QueueFilter {
  readonly now: number;
  /** The month whose ends count, in UTC. @example "2026-11" */
  readonly month: string;
  /** Only jobs outside of batches, because there is no room for others. */
  readonly singlesOnly: boolean;
  /** Accounts whose job could not be started. */
  readonly passed: readonly string[];
}

/** The same as values of statements, or placeholders for them. */
interface QueueFilterInSql {
  readonly now: number | Placeholder;
  readonly month: string | Placeholder;
  /** The queues of an account that are looked at, as a JSON array. */
  readonly queues: string | Placeholder;
  /** As a JSON array. */
  readonly passed: string | Placeholder;
}

export const filterValues = ({ now, month, singlesOnly, passed }: QueueFilter) => ({
  ...{ now, month },
  queues: singlesOnly ? "[0]" : "[0,1]",
  passed: JSON.stringify(passed),
});

export const FILTER_PLACEHOLDERS: QueueFilterInSql = {
  now: sql.placeholder("now"),
  month: sql.placeholder("month"),
  queues: sql.placeholder("queues"),
  passed: sql.placeholder("passed"),
};

/** Maximum number of accounts that are compared; the one whose job has been due longest is always among them. */
const MAX_ACCOUNTS = 500;

/** Waiting jobs, written like the condition of the index. */
const waits = sql`job.status = 'Pending' and job.due_at is not null`;

/** Goes from one waiting account to the next, independent of the length of their queues. */
const WAITING = sql`waiting(account_id) as (
  select (select job.account_id from ${jobs} as job where ${waits} and job.account_id > ''
    order by job.account_id limit 1)
  union all
  select (select job.account_id from ${jobs} as job where ${waits} and job.account_id > waiting.account_id
    order by job.account_id limit 1)
  from waiting where waiting.account_id is not null limit ${sql.raw(`${MAX_ACCOUNTS}`)}
)`;

/** The id of the first due job of the account in each of its two queues. */
const firstInQueue = (account: SQL, now: number | Placeholder) => sql`(
  select job.id from ${jobs} as job
  where ${waits} and job.account_id = ${account} and (job.batch_id is not null) = line.value and job.due_at <= ${now}
  order by job.due_at, job.id limit 1
)`;

const queuesOf = ({ queues }: QueueFilterInSql) => sql`json_each(${queues}) as line`;

const hasNotPassed = (account: SQL, { passed }: QueueFilterInSql) =>
  sql`${account} not in (select value from json_each(${passed}))`;

const running = (account: SQL) => sql`(
  select count(*) from ${jobs} as run where run.status = 'Processing' and run.account_id = ${account}
)`;

const lastEnd = (account: SQL, month: string | Placeholder) => sql`coalesce((
  select ended.last_end_at from ${usage} as ended where ended.account_id = ${account} and ended.month = ${month}
), 0)`;

/** The id of the next job; null if none is due. */
export function nextInQueue(filter: QueueFilterInSql): SQL<string | null> {
  const account = sql`contender.account_id`;
  return sql`(
    with recursive ${WAITING}, contender(account_id) as (
      select account_id from waiting
      union all
      select * from (select job.account_id from ${jobs} as job
        where job.status = 'Pending' and job.due_at <= ${filter.now} order by job.due_at, job.id limit 1)
    )
    select first.id from contender
    join ${queuesOf(filter)}
    join ${jobs} as first on first.id = ${firstInQueue(account, filter.now)}
    where ${hasNotPassed(account, filter)}
    order by ${running(account)}, ${lastEnd(account, filter.month)}, first.due_at, first.id limit 1
  )`;
}

/** True if another account comes before this one. */
export function isPreceded(accountId: string, wanted: QueueFilter): SQL {
  const filter = filterValues(wanted);
  const other = sql`waiting.account_id`;
  const own = sql`${accountId}`;
  return sql`exists (
    with recursive ${WAITING}
    select 1 from waiting
    join ${queuesOf(filter)}
    where ${other} <> ${own} and ${hasNotPassed(other, filter)} and ${firstInQueue(other, filter.now)} is not null
      and (${running(other)}, ${lastEnd(other, filter.month)}) < (${running(own)}, ${lastEnd(own, filter.month)})
  )`;
}
