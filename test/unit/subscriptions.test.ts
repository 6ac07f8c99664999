import Parser from "rss-parser";
import { beforeEach, describe, expect, it } from "vitest";
import type { Subscription } from "../../schema/api/subscriptions/subscription.ts";
import { feedItems } from "../../worker/services/sources/listing/feed-items.ts";
import {
  hubOfHeader,
  kindOfDocument,
  readDocument,
} from "../../worker/services/subscriptions/feed-document.ts";
import { judgeOf } from "../../worker/services/subscriptions/filters.ts";
import { nextPoll } from "../../worker/services/subscriptions/schedule.ts";
import { fileNameOf, folderOf } from "../../worker/services/subscriptions/templates.ts";
import { FeedOrigin, item } from "../support/subscriptions/feed-origin.ts";
import { simulate } from "../support/subscriptions/simulation.ts";
import { World } from "../support/subscriptions/world.ts";

const HOUR_MS = 3_600_000;
const SIZE = {
  sources: Number(process.env.SIMULATED_SOURCES ?? 12),
  days: Number(process.env.SIMULATED_DAYS ?? 3),
};

describe("in virtual time", () => {
  it(
    `${SIZE.sources} sources are followed for ${SIZE.days} days: nothing is missed, nothing comes twice`,
    async () => {
      const found = await simulate(SIZE);
      console.log(JSON.stringify(found));
      expect(found).toMatchObject({ missed: 0, doubled: 0, late: 0 });
      expect(found.published).toBeGreaterThan(0);
      expect(found.deaths).toBeGreaterThan(0);
      expect(found.refusals).toBeGreaterThan(0);
      // only a reading that a process did not survive is repeated
      expect(found.early).toBeLessThanOrEqual(found.deaths);
    },
    24 * HOUR_MS,
  );

  it("sources that rest cost hardly any reads of the database", async () => {
    const world = new World();
    const headers = await world.account();
    const count = 200;
    for (let index = 0; index < count; index++) {
      const origin = new FeedOrigin(() => world.now);
      origin.items = [item(1)];
      world.hosts.set(`${index}.example.com`, origin.respond);
      const url = `https://${index}.example.com/feed.xml`;
      await world.call("POST", "/subscriptions", headers, { url, schedule: { interval_seconds: 600 } });
    }
    const before = world.d1.reads;
    const minutes = 7 * 60;
    const end = world.now + minutes * 60_000;
    while (world.feeds.nextAlarm <= end) {
      world.now = Math.max(world.now, world.feeds.nextAlarm);
      await world.feeds.ring();
    }
    expect((world.d1.reads - before) / minutes).toBeLessThanOrEqual(count / 100);
  }, 120_000);
});

describe("the podcast feed", () => {
  let world: World;
  let headers: Record<string, string>;
  beforeEach(async () => {
    world = new World();
    headers = await world.account();
  });

  const deliver = () =>
    world.d1.database.exec(
      `update jobs set status = 'Completed', due_at = null, finished_at = created_at, object_key = 'local/videos/' || id || '.mp3',
        file_size = 1234, duration = 61.4;
       update subscription_entries set status = 'delivered', delivered_at = created_at where status = 'queued'`,
    );

  it("is one that a podcast app reads, and its enclosures lead to the files", async () => {
    const origin = new FeedOrigin(() => world.now);
    origin.items = [item(2, { title: "Tom & Jerry <live> \u0001" }), item(1)];
    world.hosts.set("feeds.example.com", origin.respond);
    const { id } = await world.call<Subscription>("POST", "/subscriptions", headers, {
      url: "https://feeds.example.com/show.xml",
      backfill: { type: "all" },
      name: "My & show",
      job: { format: "mp3" },
    });
    deliver();
    const { feed_url } = await world.call<Subscription>("GET", `/subscriptions/${id}`, headers);
    const path = feed_url.replace("https://waterspout.example", "");
    const response = await world.fetch("GET", path);
    expect(response.headers.get("content-type")).toBe("application/rss+xml; charset=utf-8");
    const feed = await new Parser().parseString(await response.text());
    expect(feed).toMatchObject({ title: "My & show", feedUrl: feed_url, itunes: { explicit: "false" } });
    expect(feed.items.map(({ title }) => title?.trim())).toEqual(["Tom & Jerry <live>", "Episode 1"]);
    const [newest] = feed.items;
    expect(newest).toMatchObject({
      enclosure: { length: "1234", type: "audio/mpeg" },
      isoDate: new Date(item(2).date ?? 0).toISOString(),
      itunes: { duration: "61", episode: "2" },
    });
    const file = (newest?.enclosure?.url ?? "").replace("https://waterspout.example", "");
    const link = await world.fetch("GET", file);
    expect(link.status).toBe(302);
    expect(link.headers.get("location")).toMatch(
      /^https:\/\/storage\.example\/media\/local\/videos\/.+X-Amz-Signature=/,
    );
    // without the token, with another one, and after it was replaced
    expect((await world.fetch("GET", path.replace(/\?.*/, ""))).status).toBe(404);
    expect((await world.fetch("GET", `${path}x`)).status).toBe(404);
    expect((await world.fetch("GET", file.replace(/\?.*/, "?token=x"))).status).toBe(404);
    await world.call("PATCH", `/subscriptions/${id}`, headers, { rotate_feed_token: true });
    expect((await world.fetch("GET", path)).status).toBe(404);
  });

  it("and the storage keep what retention says, and nothing else is deleted", async () => {
    const origin = new FeedOrigin(() => world.now);
    origin.items = [4, 3, 2, 1].map((index) => item(index));
    world.hosts.set("feeds.example.com", origin.respond);
    const deleted: string[] = [];
    world.hosts.set("storage.example", (request) => {
      if (request.method === "DELETE") deleted.push(new URL(request.url).pathname);
      return new Response(null, { status: 204 });
    });
    const url = "https://feeds.example.com/show.xml";
    const body = { url, backfill: { type: "all" } };
    const kept = await world.call<Subscription>("POST", "/subscriptions", headers, {
      ...body,
      retention: { keep_last: 2 },
    });
    await world.call("POST", "/subscriptions", headers, body);
    deliver();
    const keyOf = (title: string) =>
      world.d1.all<{ object_key: string }>(
        `select object_key from jobs where title = ? and json_extract(request, '$.subscription_id') = ?`,
        title,
        kept.id,
      )[0]?.object_key;
    const outlived = ["Episode 1", "Episode 2"].map((title) => `/media/${keyOf(title)}`);
    await world.reconcile();
    expect(deleted.sort()).toEqual(outlived.sort());
    const { entries } = await world.call<Subscription>("GET", `/subscriptions/${kept.id}`, headers);
    expect(entries).toMatchObject({ delivered: 2, erased: 2 });
    await world.reconcile();
    expect(deleted).toHaveLength(2);
  });
});

describe("a hub", () => {
  /** A feed with a hub, and what the hub was asked for. */
  function pushedFeed(world: World) {
    const url = "https://feeds.example.com/show.xml";
    const origin = new FeedOrigin(() => world.now);
    origin.items = [item(1)];
    origin.hub = { url: "https://hub.example.com/", topic: url };
    world.hosts.set("feeds.example.com", origin.respond);
    const asked: URLSearchParams[] = [];
    world.hosts.set("hub.example.com", async (request) => {
      asked.push(new URLSearchParams(await request.text()));
      return new Response(null, { status: 202 });
    });
    return { origin, asked, url };
  }

  it("pushes an entry that becomes a job of each of a hundred followers in less than two seconds", async () => {
    const world = new World();
    const headers = await world.account();
    const { origin, asked, url } = pushedFeed(world);
    for (let follower = 0; follower < 100; follower++) {
      await world.call("POST", "/subscriptions", headers, { url });
    }
    const lease = asked.at(-1);
    const callback = new URL(lease?.get("hub.callback") ?? "");
    const verification = { mode: "subscribe", topic: url, challenge: "c", lease_seconds: "86400" };
    for (const [name, value] of Object.entries(verification)) callback.searchParams.set(`hub.${name}`, value);
    expect((await world.fetch("GET", callback.pathname + callback.search)).status).toBe(200);
    world.now += 60_000;
    const pushedAt = world.now;
    const { requests } = origin;
    const { length } = requests;
    const xml = origin.xml([item(2)]);
    const signature = `sha256=${await sign(xml, lease?.get("hub.secret") ?? "")}`;
    await world.fetch("POST", callback.pathname, { "x-hub-signature": signature }, xml);
    while (world.feeds.nextAlarm < pushedAt + 2_000) {
      world.now = world.feeds.nextAlarm;
      await world.feeds.ring();
    }
    const [found] = world.d1.all(
      "select count(*) as jobs, max(created_at) as last from jobs where title = 'Episode 2'",
    );
    expect(found).toEqual({ jobs: 100, last: expect.toSatisfy((last: number) => last < pushedAt + 2_000) });
    // the source itself was not asked
    expect(requests).toHaveLength(length);
  });

  it("is asked for pushes, verified, renewed, and its pushes are delivered at once", async () => {
    const world = new World();
    const headers = await world.account();
    const { origin, asked, url } = pushedFeed(world);
    const { id } = await world.call<Subscription>("POST", "/subscriptions", headers, { url });
    const [lease] = asked;
    if (!lease) throw new Error("the hub was not asked");
    expect(Object.fromEntries(lease)).toMatchObject({
      "hub.mode": "subscribe",
      "hub.topic": url,
      "hub.lease_seconds": "864000",
    });
    const callback = (lease.get("hub.callback") ?? "").replace("https://waterspout.example", "");
    const secret = lease.get("hub.secret") ?? "";
    expect(secret).toHaveLength(43);
    const verify = (topic: string) =>
      world.fetch(
        "GET",
        `${callback}?${new URLSearchParams({ "hub.mode": "subscribe", "hub.topic": topic, "hub.challenge": "c-1", "hub.lease_seconds": "86400" })}`,
      );
    const push = async (xml: string, key: string, headers: Record<string, string> = {}) => {
      const signature = await sign(xml, key);
      return world.fetch("POST", callback, { "x-hub-signature": `sha256=${signature}`, ...headers }, xml);
    };
    const jobs = () => world.d1.all<{ title: string }>("select title from jobs").map(({ title }) => title);
    // not before it is verified, and not for another topic
    expect((await push(origin.xml([item(2)]), secret)).status).toBe(404);
    expect((await verify("https://feeds.example.com/other.xml")).status).toBe(404);
    expect(await (await verify(url)).text()).toBe("c-1");
    expect(await world.call("GET", `/subscriptions/${id}`, headers)).toMatchObject({ push: true });
    // a wrong signature is dropped in silence
    expect((await push(origin.xml([item(3)]), "another secret")).status).toBe(204);
    expect(jobs()).toEqual([]);
    expect((await push(origin.xml([item(2)]), secret)).status).toBe(204);
    expect(jobs()).toEqual(["Episode 2"]);
    // the same entry from the feed itself comes once
    origin.items.unshift(item(2));
    world.now += 2 * HOUR_MS;
    await world.feeds.ring();
    expect(jobs()).toEqual(["Episode 2"]);
    // renewed with another secret, before the lease ends
    world.now += 18 * HOUR_MS;
    await world.feeds.ring();
    expect(asked).toHaveLength(2);
    expect(asked[1]?.get("hub.secret")).not.toBe(secret);
    expect(asked[1]?.get("hub.callback")).not.toBe(lease.get("hub.callback"));
    // polling goes on without it
    origin.items.unshift(item(4));
    world.now += 3 * 24 * HOUR_MS;
    await world.feeds.ring();
    expect(jobs()).toEqual(["Episode 2", "Episode 4"]);
    expect((await push(origin.xml([item(5)]), secret)).status).toBe(404);
  });
});

async function sign(text: string, secret: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, [
    "sign",
  ]);
  const bytes = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
  return Buffer.from(bytes).toString("hex");
}

describe("a feed", () => {
  const read = (text: string, address = "https://example.com/feed") => {
    const kind = kindOfDocument(text);
    if (kind === null) throw new Error("not a feed");
    return readDocument(kind, text, none(), address);
  };

  it("may be Atom, with a hub, relative addresses and YouTube's ids", async () => {
    const { title, hub, entries } = await read(`<?xml version="1.0"?>
      <feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="https://hub.example.com"/>
      <link rel="self" href="/self.xml"/><title type="text">A &amp; B</title>
      <entry><id>yt:video:aaaaaaaaaaa</id><yt:videoId>aaaaaaaaaaa</yt:videoId><title>One</title>
      <link rel="alternate" href="https://www.youtube.com/watch?v=aaaaaaaaaaa"/>
      <published>2026-11-03T10:00:00+00:00</published></entry></feed>`);
    expect({ title, hub }).toEqual({
      title: "A & B",
      hub: { url: "https://hub.example.com/", topic: "https://example.com/self.xml" },
    });
    expect(entries).toMatchObject([
      { url: "https://www.youtube.com/watch?v=aaaaaaaaaaa", sourceId: "aaaaaaaaaaa", title: "One" },
    ]);
    // the same video in another feed has the same identity
    const { entries: others } = await read(`<rss><channel><title>x</title><item><title>y</title><guid>z</guid>
      <link>https://youtu.be/aaaaaaaaaaa</link></item></channel></rss>`);
    expect(others[0]?.key).toBe(entries[0]?.key);
  });

  it("may be JSON", async () => {
    const { entries, hub } = await read(
      JSON.stringify({
        version: "https://jsonfeed.org/version/1.1",
        title: "J",
        hubs: [{ type: "WebSub", url: "https://hub.example.com/" }],
        items: [
          {
            id: 1,
            title: "One",
            date_published: "2026-11-03T10:00:00Z",
            attachments: [{ url: "/1.mp3", mime_type: "audio/mpeg", duration_in_seconds: 60 }],
          },
        ],
      }),
    );
    expect(hub).toMatchObject({ url: "https://hub.example.com/" });
    expect(entries).toMatchObject([{ url: "https://example.com/1.mp3", duration: 60, title: "One" }]);
  });

  it("keeps its identity without a guid, by its media", async () => {
    const feed = (guid: string, title: string) =>
      `<rss><channel><item><title>${title}</title>${guid}<enclosure url="https://a.example/1.mp3" type="audio/mpeg"/></item></channel></rss>`;
    const [one, two, three] = await Promise.all(
      [feed("", "a"), feed("", "b"), feed("<guid>g</guid>", "a")].map(
        async (text) => (await read(text)).entries[0]?.key,
      ),
    );
    expect(one).toBe(two);
    expect(three).not.toBe(one);
  });

  it("names a hub in its header Link", () => {
    const header = '<https://hub.example.com/>; rel="hub", </self>; rel=self';
    expect(hubOfHeader(header, "https://example.com/feed")).toEqual({
      url: "https://hub.example.com/",
      topic: "https://example.com/self",
    });
    expect(hubOfHeader(null, "https://example.com/feed")).toBeNull();
  });

  it("is not a page of HTML", async () => {
    expect(kindOfDocument("<!doctype html><html>")).toBeNull();
    expect(kindOfDocument('{"a": 1}')).toBeNull();
    const items = [];
    for await (const found of feedItems(none())) items.push(found);
    expect(items).toEqual([]);
  });
});

async function* none(): AsyncGenerator<string> {}

describe("a schedule", () => {
  it("is that of the most frequent follower, a little varied", () => {
    const lastAt = Date.UTC(2026, 0, 1);
    const schedules = [{ interval_seconds: 7200 }, { interval_seconds: 600 }];
    const at = (chance: number) => (nextPoll(schedules, { lastAt, now: lastAt, chance }) ?? 0) - lastAt;
    expect([at(0), at(0.5), at(1)]).toEqual([585_000, 600_000, 615_000]);
    expect(nextPoll([], { lastAt, now: lastAt, chance: 0 })).toBeNull();
  });

  it("of cron follows its time zone through the change of clocks", () => {
    const schedules = [{ cron: "0 6 * * *", time_zone: "Europe/Berlin" }];
    const next = (lastAt: number) => nextPoll(schedules, { lastAt, now: lastAt, chance: 0 });
    expect(next(Date.UTC(2026, 9, 24, 12))).toBe(Date.UTC(2026, 9, 25, 5));
    expect(next(Date.UTC(2026, 9, 23, 12))).toBe(Date.UTC(2026, 9, 24, 4));
  });
});

describe("a template", () => {
  const values = {
    title: "A/B: c?",
    published_at: Date.UTC(2026, 10, 3),
    episode: 7,
    id: "x1",
    channel: "../up",
  };
  it("never leaves its folder", () => {
    expect(fileNameOf("{date} {episode} {title} [{id}]", values)).toBe("2026-11-03 007 A B c [x1]");
    expect(folderOf("shows/{channel}/{title}", values)).toBe("shows/up/A B c");
    expect(folderOf("{channel}", { ...values, channel: "../.." })).not.toContain("..");
    expect(
      new TextEncoder().encode(fileNameOf("{title}", { ...values, title: "ä".repeat(999) })).length,
    ).toBeLessThan(256);
  });
});

describe("a pattern", () => {
  it("that would take others forever is matched", async () => {
    const judge = await judgeOf({ title_pattern: "(a+)+$" });
    const entry = { duration: null, published_at: null, live: null, is_short: null };
    expect(judge({ ...entry, title: `${"a".repeat(499)}b` })).toBe("title_pattern");
    expect(judge({ ...entry, title: "bAAA" })).toBeNull();
  });
});
