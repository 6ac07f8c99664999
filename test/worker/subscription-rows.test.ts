import { beforeEach, expect, it } from "vitest";
import type { Subscription } from "../../schema/api/subscriptions/subscription.ts";
import { CHECK_MS } from "../../worker/services/subscriptions/feed-keeper.ts";
import { FeedOrigin, item } from "../support/subscriptions/feed-origin.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { MeteredD1 } from "./support/metered-d1.ts";

/** What subscriptions that rest read of the database, as D1 counts and charges it. */

const MANY = 5_000;
/** Rows per minute. */
const ALLOWED = MANY / 100;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const meter = new MeteredD1(env.DB);
let worker: Harness;
let key: string;
let origin: FeedOrigin;

beforeEach(async () => {
  for (const table of ["jobs", "subscription_entries", "subscriptions", "feeds", "feed_leases"]) {
    await env.DB.exec(`delete from ${table}`);
  }
  worker = new Harness({ DB: meter.binding });
  ({ key } = await worker.account());
  origin = new FeedOrigin(() => worker.now);
  origin.items = [item(2), item(1)];
  worker.network.hosts.set("feeds.example.com", (request) => origin.respond(request));
});

/** Copies a subscription. @param feed expression of the feed that a copy follows; its number is `n` */
async function copySubscription(id: string, feed: string): Promise<void> {
  const numbers = `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${MANY - 1})`;
  const copyOf = async (table: string, changed: Record<string, string>, where: string) => {
    const { results } = await env.DB.prepare(`select name from pragma_table_info('${table}')`).all<{
      name: string;
    }>();
    const values = results.map(({ name }) => changed[name] ?? `source.${name}`);
    await env.DB.exec(
      `insert or ignore into ${table} ${numbers} select ${values.join(", ")} from ${table} as source, numbers where ${where}`.replaceAll(
        "\n",
        " ",
      ),
    );
  };
  await copyOf("subscriptions", { id: "source.id || '-' || n", feed_id: feed }, `source.id = '${id}'`);
  if (feed !== "source.feed_id") {
    // the objects read the database once a day, one after the other
    const check = `source.check_due_at - n * ${CHECK_MS / MANY}`;
    const changed = { id: "source.id || '-' || n", url_tag: "source.url_tag || n", check_due_at: check };
    await copyOf("feeds", changed, "true");
    await copyOf(
      "feed_leases",
      { id: "source.id || '-' || n", feed_id: "source.feed_id || '-' || n" },
      "true",
    );
  }
}

async function rowsOf(work: () => Promise<unknown>): Promise<number> {
  meter.take();
  await work();
  return meter.take();
}

it.each([
  ["each of a source of its own", "source.feed_id || '-' || n"],
  ["all of one source", "source.feed_id"],
])("5,000 subscriptions, %s, cost at most 50 rows per minute", { timeout: 60_000 }, async (_, feed) => {
  origin.hub = { url: "https://hub.example.com/", topic: "https://feeds.example.com/show.xml" };
  worker.network.hosts.set("hub.example.com", () => new Response(null, { status: 202 }));
  const { id } = await worker.json<Subscription>("POST", "/subscriptions", {
    key,
    body: { url: "https://feeds.example.com/show.xml", retention: { keep_days: 30 } },
  });
  await worker.reconcile();
  const alone = await rowsOf(() => worker.reconcile());
  await copySubscription(id, feed);
  expect((await env.DB.prepare("select count(*) as n from subscriptions").first("n")) as number).toBe(MANY);
  // the objects of the copies rest
  const { results: feeds } = await env.DB.prepare("select id from feeds").all<{ id: string }>();
  const [object = ""] = worker.feeds.alarms.keys();
  for (const other of feeds) {
    if (other.id !== object) worker.feeds.alarms.set(other.id, Number.POSITIVE_INFINITY);
  }
  await worker.reconcile();
  worker.now += MINUTE;
  const cron = (await rowsOf(() => worker.reconcile())) - alone;
  const load = await rowsOf(() => worker.feeds.wake(object));
  // the source is read and did not change
  const { unchanged } = origin;
  worker.now += HOUR + 3 * MINUTE;
  const poll = await rowsOf(() => worker.feeds.ring());
  expect(origin.unchanged).toBe(unchanged + 1);
  const sources = feed === "source.feed_id" ? 1 : MANY;
  const perMinute = cron + (load * sources) / (CHECK_MS / MINUTE) + (poll * sources) / 60;
  expect([cron, load, poll, perMinute]).toEqual([
    expect.any(Number),
    expect.any(Number),
    0,
    expect.toSatisfy((rows: number) => rows <= ALLOWED),
  ]);
});
