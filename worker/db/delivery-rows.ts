import { and, asc, count, desc, eq, getTableColumns, inArray, lt, lte, ne, type SQL, sql } from "drizzle-orm";
import type { SLACK_LEVELS } from "../../schema/api/slack.ts";
import { accounts } from "../../schema/db/tables/accounts.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { webhookDeliveries, webhookEndpoints } from "../../schema/db/tables/webhooks.ts";
import type { Db } from "./connection.ts";
import { rowValues } from "./fragments.ts";
import type { GuardedSetStatement, GuardedStatement } from "./guarded-statements.ts";

/** Webhook deliveries and their state. */

export type DeliveryRow = typeof webhookDeliveries.$inferSelect;
export type NewDeliveryRow = typeof webhookDeliveries.$inferInsert;
export type EndpointRow = typeof webhookEndpoints.$inferSelect;

/** Stores a delivery together with the move that it reports. */
export const insertDelivery =
  (row: NewDeliveryRow): GuardedStatement =>
  (db, guard) =>
    db.insert(webhookDeliveries).select(sql`select ${rowValues(webhookDeliveries, row)} where ${guard}`);

/** Stores a message to Slack together with a move, if the account has subscribed to such results. */
export const insertSlackDelivery =
  (row: NewDeliveryRow, levels: readonly (typeof SLACK_LEVELS)[number][]): GuardedStatement =>
  (db, guard) => {
    const wants = and(
      eq(accounts.id, row.account_id),
      sql`${accounts.slack_url} is not null`,
      inArray(accounts.slack_level, [...levels]),
      guard,
    );
    const values = rowValues(webhookDeliveries, {
      ...row,
      url: sql`${accounts.slack_url}`,
      sealed_url: sql`${accounts.sealed_slack_url}`,
    });
    return db.insert(webhookDeliveries).select(sql`select ${values} from ${accounts} where ${wants}`);
  };

/**
 * Stores deliveries of many jobs together with the move that they report, with one statement and one parameter.
 *
 * @param rows as JSON, not longer than a parameter may be
 */
export const insertDeliveries =
  (rows: string): GuardedSetStatement =>
  (db, guard) =>
    db
      .insert(webhookDeliveries)
      .select(
        sql`select ${packedValues()} from json_each(${rows}) as delivery where ${guard(packed("job_id"))}`,
      );

/** The same for messages to Slack, if the account has subscribed to such results. */
export const insertSlackDeliveries =
  (rows: string, accountId: string, levels: readonly (typeof SLACK_LEVELS)[number][]): GuardedSetStatement =>
  (db, guard) => {
    const wants = and(
      eq(accounts.id, accountId),
      sql`${accounts.slack_url} is not null`,
      inArray(accounts.slack_level, [...levels]),
      guard(packed("job_id")),
    );
    return db
      .insert(webhookDeliveries)
      .select(
        sql`select ${packedValues({ url: sql`${accounts.slack_url}`, sealed_url: sql`${accounts.sealed_slack_url}` })} from ${accounts}, json_each(${rows}) as delivery where ${wants}`,
      );
  };

const packed = (name: string): SQL => sql`json_extract(delivery.value, ${sql.raw(`'$.${name}'`)})`;
const packedValues = (others: Record<string, SQL> = {}): SQL =>
  sql.join(
    Object.keys(getTableColumns(webhookDeliveries)).map((name) => others[name] ?? packed(name)),
    sql`, `,
  );

/** Stores a delivery on its own. */
export async function addDelivery(db: Db, row: NewDeliveryRow): Promise<DeliveryRow | undefined> {
  return (await db.insert(webhookDeliveries).values(row).returning())[0];
}

/** Stores deliveries; with a job's id, only if that job is stored. */
export const addDeliveries = (db: Db, rows: readonly NewDeliveryRow[], jobId?: string) => {
  const isStored =
    jobId === undefined ? sql`true` : sql`exists (select 1 from ${jobs} where ${jobs.id} = ${jobId})`;
  return rows.length === 0 ? [] : [insertDeliveries(JSON.stringify(rows))(db, () => isStored)];
};

/** The secrets that sign a webhook event, and whether its endpoint is disabled. */
export interface Sender {
  readonly account: typeof accounts.$inferSelect;
  readonly endpoint: EndpointRow | null;
}

/**
 * Claims a due delivery for one attempt. Until `until` no other call takes it; if the Worker dies meanwhile, it stays pending.
 *
 * @returns undefined when it is not due, being tried, ended or unknown
 */
export async function claimDelivery(
  db: Db,
  id: string,
  { now, until }: { now: number; until: number },
): Promise<(Sender & { delivery: DeliveryRow }) | undefined> {
  const [[delivery], [account], [endpoint]] = await db.batch([
    db
      .update(webhookDeliveries)
      .set({ next_try_at: until, enqueue_due_at: until })
      .where(
        and(
          eq(webhookDeliveries.id, id),
          eq(webhookDeliveries.status, "pending"),
          lte(webhookDeliveries.next_try_at, now),
        ),
      )
      .returning(),
    // two selections: in a batch of statements, columns with the same name would be merged
    db
      .select()
      .from(accounts)
      .where(sql`${accounts.id} = (${accountOf(db, id)})`),
    db
      .select()
      .from(webhookEndpoints)
      .where(
        and(
          sql`${webhookEndpoints.account_id} = (${accountOf(db, id)})`,
          sql`${webhookEndpoints.url} = (${urlOf(db, id)})`,
        ),
      ),
  ]);
  return delivery && account ? { delivery, account, endpoint: endpoint ?? null } : undefined;
}

const accountOf = (db: Db, id: string) =>
  db
    .select({ account_id: webhookDeliveries.account_id })
    .from(webhookDeliveries)
    .where(eq(webhookDeliveries.id, id));

const urlOf = (db: Db, id: string) =>
  db.select({ url: webhookDeliveries.url }).from(webhookDeliveries).where(eq(webhookDeliveries.id, id));

/** The account, and the health of one of its endpoints. */
export async function findSender(db: Db, accountId: string, url: string): Promise<Sender | undefined> {
  const [found] = await db
    .select({ account: accounts, endpoint: webhookEndpoints })
    .from(accounts)
    .leftJoin(
      webhookEndpoints,
      and(eq(webhookEndpoints.account_id, accounts.id), eq(webhookEndpoints.url, url)),
    )
    .where(eq(accounts.id, accountId));
  return found;
}

/**
 * Writes the result of a try, if its claim still stands, together with the health of the endpoint.
 *
 * @param claim the delivery, and until when it was claimed
 */
export async function settleDelivery(
  db: Db,
  claim: { readonly id: string; readonly until: number },
  changes: Partial<NewDeliveryRow>,
  endpoint: EndpointRow | null,
): Promise<void> {
  const settle = db
    .update(webhookDeliveries)
    .set(changes)
    .where(
      and(
        eq(webhookDeliveries.id, claim.id),
        eq(webhookDeliveries.status, "pending"),
        eq(webhookDeliveries.next_try_at, claim.until),
      ),
    );
  if (!endpoint) {
    await settle;
    return;
  }
  const { account_id, url, ...facts } = endpoint;
  await db.batch([
    settle,
    db
      .insert(webhookEndpoints)
      .values(endpoint)
      .onConflictDoUpdate({ target: [webhookEndpoints.account_id, webhookEndpoints.url], set: facts }),
  ]);
}

/** Takes up to `limit` pending deliveries whose message is overdue and postpones their next message until `again`. */
export async function takeOverdueDeliveries(
  db: Db,
  { now, again, limit }: { now: number; again: number; limit: number },
): Promise<string[]> {
  return (await overdueDeliveriesQuery(db, now, again, limit)).map(({ id }) => id);
}
export const overdueDeliveriesQuery = (db: Db, now: number, again: number, limit: number) =>
  db
    .update(webhookDeliveries)
    .set({ enqueue_due_at: again })
    .where(
      inArray(
        webhookDeliveries.id,
        db
          .select({ id: webhookDeliveries.id })
          .from(webhookDeliveries)
          .where(
            and(sql`${webhookDeliveries.status} = 'pending'`, lte(webhookDeliveries.enqueue_due_at, now)),
          )
          .orderBy(asc(webhookDeliveries.enqueue_due_at))
          .limit(limit),
      ),
    )
    .returning({ id: webhookDeliveries.id });

/** How many deliveries are not made yet; counting stops at `most`. */
export const pendingDeliveriesQuery = (db: Db, most: number) =>
  db
    .select({ pending: count() })
    .from(
      db
        .select({ id: webhookDeliveries.id })
        .from(webhookDeliveries)
        .where(sql`${webhookDeliveries.status} = 'pending'`)
        .limit(most)
        .as("pending"),
    );

/** The deliveries of jobs; of several deliveries of one job, the newest comes last. */
export const deliveriesOfJobsQuery = (db: Db, jobIds: readonly string[]) =>
  db
    .select({
      job_id: webhookDeliveries.job_id,
      status: webhookDeliveries.status,
      tries: webhookDeliveries.tries,
      last_error: webhookDeliveries.last_error,
      last_response_ms: webhookDeliveries.last_response_ms,
    })
    .from(webhookDeliveries)
    .where(
      and(
        sql`${webhookDeliveries.job_id} in (select value from json_each(${JSON.stringify(jobIds)}))`,
        eq(webhookDeliveries.kind, "webhook"),
        ne(webhookDeliveries.type, "cookies_stale"),
      ),
    )
    .orderBy(asc(webhookDeliveries.job_id), asc(webhookDeliveries.id));

export interface DeliveryFilter {
  readonly accountId: string;
  readonly jobId?: string | undefined;
  readonly status?: DeliveryRow["status"] | undefined;
  /** Only deliveries older than this id. */
  readonly cursor?: string | undefined;
}

/** An account's deliveries, newest first. */
export const deliveryPageQuery = (
  db: Db,
  { accountId, jobId, status, cursor }: DeliveryFilter,
  limit: number,
) =>
  db
    .select()
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.account_id, accountId),
        jobId === undefined ? undefined : eq(webhookDeliveries.job_id, jobId),
        status === undefined ? undefined : eq(webhookDeliveries.status, status),
        cursor === undefined ? undefined : lt(webhookDeliveries.id, cursor),
      ),
    )
    .orderBy(desc(webhookDeliveries.id))
    .limit(limit);

export async function findDeliveryOf(
  db: Db,
  accountId: string,
  id: string,
): Promise<DeliveryRow | undefined> {
  const [row] = await db.select().from(webhookDeliveries).where(eq(webhookDeliveries.id, id));
  return row?.account_id === accountId ? row : undefined;
}

/** The addresses that an account's webhook events were sent to. */
export const listEndpoints = async (db: Db, accountId: string): Promise<EndpointRow[]> =>
  db
    .select()
    .from(webhookEndpoints)
    .where(eq(webhookEndpoints.account_id, accountId))
    .orderBy(asc(webhookEndpoints.url));

/** Removes deliveries that were created before an id. @returns how many */
export async function eraseDeliveries(db: Db, before: string, limit: number): Promise<number> {
  return (await oldDeliveriesQuery(db, before, limit)).length;
}
export const oldDeliveriesQuery = (db: Db, before: string, limit: number) =>
  db
    .delete(webhookDeliveries)
    .where(
      inArray(
        webhookDeliveries.id,
        db
          .select({ id: webhookDeliveries.id })
          .from(webhookDeliveries)
          .where(lt(webhookDeliveries.id, before))
          .orderBy(asc(webhookDeliveries.id))
          .limit(limit),
      ),
    )
    .returning({ id: webhookDeliveries.id });
