import { beforeEach, describe, expect, it } from "vitest";
import type {
  Subscription,
  SubscriptionEntry,
  SubscriptionPlan,
} from "../../schema/api/subscriptions/subscription.ts";
import { ApiError } from "../../worker/lib/api-error.ts";
import type { ListedEntry } from "../../worker/services/sources/listing/listing.ts";
import { FeedOrigin, item } from "../support/subscriptions/feed-origin.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

const HOUR_MS = 60 * 60_000;
const url = "https://feeds.example.com/show.xml";

let worker: Harness;
let key: string;
let origin: FeedOrigin;

beforeEach(async () => {
  const tables = ["jobs", "subscription_entries", "subscriptions", "feeds", "webhook_deliveries"];
  await env.DB.batch(tables.map((table) => env.DB.prepare(`delete from ${table}`)));
  worker = new Harness();
  ({ key } = await worker.account());
  origin = new FeedOrigin(() => worker.now);
  origin.items = [3, 2, 1].map((index) => item(index));
  worker.network.hosts.set("feeds.example.com", (request) => origin.respond(request));
});

const subscribe = (body: Record<string, unknown> = {}, as = key) =>
  worker.json<Subscription>("POST", "/subscriptions", { key: as, body: { url, ...body } });
const read = (id: string) => worker.json<Subscription>("GET", `/subscriptions/${id}`, { key });
const entriesOf = async (id: string, status?: string) => {
  const query = status === undefined ? "" : `?status=${status}`;
  const path = `/subscriptions/${id}/entries${query}`;
  return (await worker.json<{ entries: SubscriptionEntry[] }>("GET", path, { key })).entries;
};
const jobs = async () => {
  const { results } = await env.DB.prepare(
    "select id, url, title, filename, request, status from jobs order by rowid",
  ).all<{
    id: string;
    url: string;
    title: string;
    filename: string | null;
    request: string;
    status: string;
  }>();
  return results;
};
/** Videos of a channel, the newest first. */
const listed = (count: number): ListedEntry[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ url: `https://www.youtube.com/watch?v=${String(index).padStart(11, "0")}`, mediaUrl: null },
    ...{ sourceId: String(index).padStart(11, "0"), title: `Video ${index}`, description: null },
    ...{ releaseDate: null, skipped: null },
  }));
const titles = async () => (await jobs()).map(({ title }) => title);

/** Lets time pass, with all alarms and the cron. */
async function pass(ms: number): Promise<void> {
  const end = worker.now + ms;
  for (;;) {
    const next = Math.min(end, worker.feeds.nextAlarm);
    worker.now = Math.max(worker.now, next);
    await worker.feeds.ring();
    if (worker.feeds.nextAlarm > end) break;
  }
  worker.now = end;
  await worker.reconcile();
}

describe("a subscription", () => {
  it("delivers what is published from now on, once", async () => {
    const { id, ...created } = await subscribe();
    expect(created).toMatchObject({ status: "active", url, schedule: { interval_seconds: 3600 } });
    expect(await jobs()).toEqual([]);
    expect(await read(id)).toMatchObject({ title: "A show", entries: { seen: 3, queued: 0 } });
    origin.items.unshift(item(5), item(4));
    await pass(2 * HOUR_MS);
    expect(await titles()).toEqual(["Episode 4", "Episode 5"]);
    // edited, dated anew, moved to another server
    origin.items = origin.items.map((entry, index) => ({
      ...entry,
      title: `${entry.title} (edited)`,
      date: worker.now - index,
      url: entry.url.replace("cdn.", "other."),
    }));
    await pass(2 * HOUR_MS);
    expect(await titles()).toEqual(["Episode 4", "Episode 5"]);
    const entry = (await entriesOf(id, "queued")).find(({ title }) => title === "Episode 5");
    expect(await worker.job(key, entry?.job_id ?? "")).toMatchObject({
      url: "https://cdn.example.com/5.mp3",
      subscription_id: id,
      release_date: "2026-10-01",
    });
  });

  it("delivers what the backfill says, the oldest first", async () => {
    await subscribe({ backfill: { type: "last", count: 2 } });
    expect(await titles()).toEqual(["Episode 2", "Episode 3"]);
    await subscribe({ backfill: { type: "all" } });
    expect(await titles()).toEqual(["Episode 2", "Episode 3", "Episode 1", "Episode 2", "Episode 3"]);
    // a second one of the same source costs no request
    expect(origin.requests).toHaveLength(1);
  });

  it("takes options, names and folders, and never gives two files the same name", async () => {
    origin.items = [item(2, { title: "Same" }), item(1, { title: "Same" })];
    const { id } = await subscribe({
      backfill: { type: "all" },
      filename: "{date} {title}",
      folder: "shows/{channel}",
      job: { format: "mp3", metadata: { team: "news" } },
    });
    const created = await jobs();
    expect(created.map(({ request }) => JSON.parse(request))).toMatchObject([
      { filename: "2026-10-01 Same", folder: "shows/A show", format: "mp3", subscription_id: id },
      { filename: "2026-10-01 Same (2)", folder: "shows/A show", metadata: { team: "news" } },
    ]);
  });

  it("filters", async () => {
    origin.items = [
      item(4, { title: "Trailer: the new season", duration: "60" }),
      item(3, { title: "Interview with Ångström", duration: "3000" }),
      item(2, { title: "Interview, short", duration: "100" }),
      item(1, { title: "Something else" }),
    ];
    const { id } = await subscribe({
      backfill: { type: "all" },
      filters: { title_pattern: "^(interview|trailer)", title_without: ["trailer"], min_duration: 200 },
    });
    expect(await titles()).toEqual(["Interview with Ångström"]);
    const filtered = await entriesOf(id, "filtered");
    expect(filtered.map(({ reason }) => reason).sort()).toEqual([
      "min_duration",
      "title_pattern",
      "title_without",
    ]);
  });

  it.each([
    [{ filename: "{nothing}" }, "has no placeholder {nothing}"],
    [{ folder: "../up" }, "must not contain .."],
    [{ filters: { title_pattern: "(?=ahead)" } }, "must be a regular expression of RE2"],
    [{ filters: { title_pattern: "(a)\\1" } }, "must be a regular expression of RE2"],
    [{ schedule: { interval_seconds: 299 } }, "must be a whole number from 300"],
    [{ schedule: { cron: "* * * * *" } }, "must leave five minutes or more"],
    [{ schedule: { cron: "nonsense" } }, "must be five fields"],
    [{ schedule: { cron: "0 6 * * *", time_zone: "Mars/Olympus" } }, "must be an IANA time zone"],
    [{ job: { format: "mp4", folder: "x" } }, "is not a known field"],
    [{ url: "http://10.0.0.1/feed.xml" }, "must be a public address"],
    [{ job: { webhook_url: "http://127.0.0.1/" } }, "must be a public address"],
    [{ job: { clip_start: 9, clip_end: 1 } }, "must be greater than clip_start"],
  ])("refuses %j with a sentence", async (body, sentence) => {
    const response = await worker.call("POST", "/subscriptions", { key, body: { url, ...body } });
    expect(response.status).toBe(400);
    expect((await response.json<{ error: string }>()).error).toContain(sentence);
  });

  it("belongs to its account", async () => {
    const { id } = await subscribe();
    const other = await worker.account();
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/run"],
      ["POST", "/reset"],
      ["POST", "/pause"],
      ["GET", "/entries"],
    ] as const) {
      expect((await worker.call(method, `/subscriptions/${id}${path}`, { key: other.key })).status).toBe(404);
    }
    const list = await worker.json<{ subscriptions: unknown[] }>("GET", "/subscriptions", { key: other.key });
    expect(list.subscriptions).toEqual([]);
  });

  it("pauses, resumes, changes, runs, resets and ends", async () => {
    const { id } = await subscribe({ name: "Mine" });
    expect(await worker.json("POST", `/subscriptions/${id}/pause`, { key })).toMatchObject({
      status: "paused",
      next_poll_at: null,
    });
    origin.items.unshift(item(4));
    await pass(5 * HOUR_MS);
    expect(await titles()).toEqual([]);
    await worker.call("POST", `/subscriptions/${id}/resume`, { key });
    expect(await titles()).toEqual(["Episode 4"]);
    const changed = await worker.json("PATCH", `/subscriptions/${id}`, {
      key,
      body: { schedule: { interval_seconds: 600 }, name: null, job: { format: "mp3" } },
    });
    expect(changed).toMatchObject({
      schedule: { interval_seconds: 600 },
      name: null,
      job: { format: "mp3" },
    });
    origin.items.unshift(item(5));
    worker.now += 60_000;
    expect(await worker.json("POST", `/subscriptions/${id}/run`, { key })).toMatchObject({
      new_entries: 1,
      error: null,
    });
    expect(await titles()).toEqual(["Episode 4", "Episode 5"]);
    expect(JSON.parse((await jobs())[1]?.request ?? "")).toMatchObject({ format: "mp3" });
    const reset = await worker.json("POST", `/subscriptions/${id}/reset`, { key });
    expect(reset).toEqual({ subscription_id: id, removed: 5 });
    expect(await read(id)).toMatchObject({ entries: { seen: 5, queued: 0 } });
    await worker.call("DELETE", `/subscriptions/${id}`, { key });
    expect((await worker.call("GET", `/subscriptions/${id}`, { key })).status).toBe(404);
    const { results } = await env.DB.prepare("select id from feeds").all();
    expect(results).toEqual([]);
    expect(worker.feeds.alarms.size).toBe(0);
  });

  it("is planned without being created", async () => {
    const plan = await worker.json<SubscriptionPlan>("POST", "/subscriptions/plan", {
      key,
      body: { url, backfill: { type: "last", count: 1 }, filename: "{episode} {title}" },
    });
    expect(plan).toMatchObject({ title: "A show", total: 3, backfilled: 1, push: false });
    expect(plan.entries[0]).toMatchObject({ filename: "001 Episode 3", delivered: true });
    expect(plan.entries[1]).toMatchObject({ delivered: false });
    expect(await entriesCount()).toBe(0);
    origin.outage = 404;
    worker.onListing = () => {
      throw new Error("not listed");
    };
  });
});

const entriesCount = async (): Promise<number> => {
  const row = await env.DB.prepare("select count(*) as n from subscription_entries").first<{ n: number }>();
  return row?.n ?? 0;
};

describe("the source", () => {
  it("is read once for all who follow it, on the most frequent schedule, with its validators", async () => {
    for (let count = 0; count < 30; count++) await subscribe({ schedule: { interval_seconds: 7200 } });
    await subscribe({ schedule: { interval_seconds: 1800 } });
    const before = worker.context().connection;
    expect(before.calls).toBe(0);
    await pass(24 * HOUR_MS);
    const gaps = origin.requests.slice(1).map((at, index) => at - (origin.requests[index] ?? 0));
    expect(gaps.length).toBeGreaterThanOrEqual(46);
    for (const gap of gaps) expect(Math.abs(gap / 1_800_000 - 1)).toBeLessThan(0.05);
    expect(origin.unchanged).toBe(origin.requests.length - 1);
    origin.items.unshift(item(9));
    await pass(HOUR_MS);
    await worker.reconcile();
    expect((await titles()).length).toBe(31);
  });

  it("is read at the times of cron, in its time zone", async () => {
    const { id } = await subscribe({ schedule: { cron: "0 6 * * *", time_zone: "America/New_York" } });
    const { next_poll_at } = await read(id);
    const expected = Date.UTC(2026, 10, 25, 11);
    expect((next_poll_at ?? 0) - expected).toBeGreaterThanOrEqual(0);
    expect((next_poll_at ?? 0) - expected).toBeLessThanOrEqual(30_000);
  });

  it("reports once that it fails and once that it works again", async () => {
    const job = { webhook_url: "https://hooks.example.com/in" };
    const { id } = await subscribe({ job });
    origin.outage = 500;
    await pass(10 * HOUR_MS);
    await worker.consumeDeliveryQueue();
    expect(await read(id)).toMatchObject({ last_error: "The feed responded with 500" });
    origin.outage = null;
    origin.items.unshift(item(4));
    await pass(2 * HOUR_MS);
    await worker.consumeDeliveryQueue();
    const types = worker.network.posts.map(({ body }) => JSON.parse(body).type);
    expect(types.sort()).toEqual(["subscription_entry", "subscription_failing", "subscription_recovered"]);
    expect(await read(id)).toMatchObject({ last_error: null, failing_since: null });
    expect(await titles()).toEqual(["Episode 4"]);
  });

  it("is read again soon after the alarm of its object was lost", async () => {
    const other = "https://feeds.example.com/other.xml";
    const ids = [(await subscribe()).id, (await subscribe({ url: other })).id];
    await pass(HOUR_MS);
    const [lost = "", ...others] = worker.feeds.alarms.keys();
    expect(others).toHaveLength(1);
    // the other one finds that when it reads its own source
    worker.feeds.alarms.delete(lost);
    origin.items.unshift(item(4));
    for (let minute = 0; minute < 70; minute++) {
      worker.now += 60_000;
      await worker.feeds.ring();
    }
    expect((await read(ids[0] ?? "")).entries.queued + (await read(ids[1] ?? "")).entries.queued).toBe(2);
    // the cron finds that when all are lost
    worker.feeds.alarms.clear();
    origin.items.unshift(item(5));
    worker.now += HOUR_MS;
    await worker.reconcile();
    expect((await read(ids[0] ?? "")).entries.queued + (await read(ids[1] ?? "")).entries.queued).toBe(4);
  });

  it("may be a list of 20,000 entries: it is read in parts, and a reading that breaks off is taken up again", {
    timeout: 60_000,
  }, async () => {
    const all = listed(20_000);
    worker.onListing = () => ({ kind: "playlist", title: "A channel", entries: all });
    const starts: number[] = [];
    worker.onPart = ({ start }) => {
      starts.push(start);
      // the processor dies, and then the object does
      if (start === 7_000) throw new ApiError("dependency_unavailable");
      if (start === 12_800) {
        worker.feeds.dieAtNextWrite = true;
      }
    };
    const channel = "https://www.youtube.com/@channel/videos";
    const { id } = await subscribe({ url: channel, backfill: { type: "last", count: 3 } });
    for (let step = 0; step < 10; step++) await pass(60_000);
    expect(await read(id)).toMatchObject({ title: "A channel", entries: { seen: 19_997, queued: 3 } });
    expect(await titles()).toEqual(["Video 2", "Video 1", "Video 0"]);
    // each reading begins shortly before the end of the last one
    expect(starts.filter((start, index) => index > 0 && start <= (starts[index - 1] ?? 0))).toEqual([
      6_800, 12_600,
    ]);
    expect(worker.feeds.deaths).toBe(1);
  });

  it("waits as long as its server asks", async () => {
    await subscribe({ schedule: { interval_seconds: 300 } });
    origin.outage = 429;
    origin.retryAfter = "7200";
    await pass(3 * HOUR_MS);
    expect(origin.requests).toHaveLength(3);
  });

  it("may be a channel: what is announced, live or private is waited for, what vanishes is reported", async () => {
    const webhook_url = "https://hooks.example.com/in";
    const states = new Map<number, "upcoming" | "live" | "private" | null>([
      [1, null],
      [2, "upcoming"],
      [3, "private"],
    ]);
    worker.onListing = () => ({
      kind: "playlist",
      title: "A channel",
      entries: [...states].map(([index, state]) => ({
        url: `https://www.youtube.com/watch?v=video-id-0${index}`,
        mediaUrl: null,
        sourceId: `video-id-0${index}`,
        title: `Video ${index}`,
        description: null,
        releaseDate: null,
        skipped: state === "private" ? "entry_unavailable" : null,
        facts: {
          site: "Youtube",
          channel: null,
          publishedAt: null,
          duration: 60,
          live: state === "private" ? null : state,
        },
      })),
    });
    const channel = "https://www.youtube.com/@talks";
    const { id } = await subscribe({ url: channel, backfill: { type: "all" }, job: { webhook_url } });
    expect(await titles()).toEqual(["Video 1"]);
    expect(await read(id)).toMatchObject({ entries: { waiting: 2, queued: 1 } });
    states.set(2, "live");
    await pass(HOUR_MS * 1.1);
    expect(await titles()).toEqual(["Video 1"]);
    states.set(2, null);
    states.delete(3);
    await pass(HOUR_MS * 1.1);
    expect(await titles()).toEqual(["Video 1", "Video 2"]);
    expect(await read(id)).toMatchObject({ entries: { removed: 1, queued: 2 } });
    await worker.consumeDeliveryQueue();
    const events = worker.network.posts.map(({ body }) => JSON.parse(body));
    expect(events.filter(({ status }) => status === "removed")).toMatchObject([
      { entry: { title: "Video 3" } },
    ]);
  });
});

describe("an entry", () => {
  const end = async (outcome: object) => {
    await worker.consumeDispatchQueue();
    const run = worker.network.run;
    await worker.report(run, "publish");
    await worker.report(run, "outcome", outcome);
    return run;
  };

  it("is delivered, and its job counts for the account", async () => {
    const { id } = await subscribe({ backfill: { type: "last", count: 1 } });
    await end(completed);
    expect(await read(id)).toMatchObject({ entries: { delivered: 1 } });
  });

  it("that is private is tried again later with another job", async () => {
    const { id } = await subscribe({ backfill: { type: "last", count: 1 } });
    const first = await end(failed("private"));
    expect(await entriesOf(id, "waiting")).toMatchObject([
      { reason: "private", check_at: worker.now + HOUR_MS },
    ]);
    await pass(HOUR_MS * 2);
    const second = await end(completed);
    expect(second.job_id).not.toBe(first.job_id);
    expect(await read(id)).toMatchObject({ entries: { delivered: 1, waiting: 0 } });
  });

  it("that failed follows its job when that is retried", async () => {
    const { id } = await subscribe({ backfill: { type: "last", count: 1 } });
    const { job_id } = await end(failed("unavailable"));
    expect(await entriesOf(id, "failed")).toMatchObject([{ job_id, reason: "unavailable" }]);
    const retried = await worker.json<{ job_id: string }>("POST", `/jobs/${job_id}/retry`, { key, body: {} });
    expect(await entriesOf(id, "queued")).toMatchObject([{ job_id: retried.job_id, reason: null }]);
    expect(await worker.job(key, retried.job_id)).toMatchObject({ subscription_id: id });
    await end(completed);
    expect(await entriesOf(id, "delivered")).toMatchObject([{ job_id: retried.job_id }]);
    await pass(2 * HOUR_MS);
    expect(await jobs()).toHaveLength(2);
  });

  it("that waits to be tried again is tried once, if its owner does so before", async () => {
    const { id } = await subscribe({ backfill: { type: "all" } });
    const { job_id } = await end(failed("private"));
    const { length } = await jobs();
    const retried = await worker.json<{ job_id: string }>("POST", `/jobs/${job_id}/retry`, { key, body: {} });
    expect(await entriesOf(id, "waiting")).toEqual([]);
    expect(await entriesOf(id, "queued")).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ job_id: retried.job_id })]),
    );
    await pass(3 * HOUR_MS);
    expect(await jobs()).toHaveLength(length + 1);
  });

  it("waits while the account has no room", async () => {
    const small = await worker.account({ max_concurrent_jobs: 2 });
    const created = await subscribe({ backfill: { type: "all" } }, small.key);
    expect(await titles()).toEqual(["Episode 1", "Episode 2"]);
    await end(completed);
    await pass(20 * 60_000);
    expect(await titles()).toEqual(["Episode 1", "Episode 2", "Episode 3"]);
    expect(created.status).toBe("active");
  });
});
