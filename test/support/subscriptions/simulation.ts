import { hash } from "node:crypto";
import { FeedOrigin, type Item } from "./feed-origin.ts";
import { World } from "./world.ts";

/** How large a simulation is. */
export interface Size {
  readonly sources: number;
  readonly days: number;
}

/** What a simulation found. */
export interface Findings {
  readonly published: number;
  /** Pairs of a subscription and an entry that was published after it began. */
  readonly expected: number;
  readonly missed: number;
  readonly doubled: number;
  readonly polls: number;
  /** Gaps between two readings, outside of outages, that deviate from the schedule by more than 5 %. */
  readonly late: number;
  readonly early: number;
  /** Readings that a process did not survive: each may be repeated. */
  readonly deaths: number;
  readonly refusals: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const INTERVALS = [30 * MINUTE, HOUR, 2 * HOUR];
/** Items that a feed lists: more than any flood. */
const WINDOW = 300;
const FLOOD = 200;
const TOLERANCE = 0.05;

interface Source {
  readonly host: string;
  readonly origin: FeedOrigin;
  readonly interval: number;
  readonly followers: string[];
  /** Times at which it could not be reached, or at which a process died: gaps around them are not judged. */
  readonly disturbed: number[];
  count: number;
  readonly published: Item[];
}

/**
 * Lets sources publish, edit, date anew, move and fail for days of virtual time, while processes die and the database
 * refuses. Each source has one to three followers, the most frequent of which decides.
 */
export async function simulate(size: Size): Promise<Findings> {
  // most of the time would be spent in waiting for threads that hash short texts
  const { subtle } = crypto;
  subtle.digest = async (_, bytes) => Uint8Array.from(hash("sha256", bytes as Uint8Array, "buffer")).buffer;
  try {
    return await follow(size);
  } finally {
    Reflect.deleteProperty(subtle, "digest");
  }
}

async function follow({ sources: count, days }: Size): Promise<Findings> {
  const world = new World();
  const headers = await world.account();
  const sources: Source[] = [];
  for (let index = 0; index < count; index++) sources.push(await subscribe(world, headers, index));
  const end = world.now + days * DAY;
  let refusals = 0;
  for (let hour = world.now + HOUR; hour <= end; hour += HOUR) {
    for (const source of sources) disturb(world, source);
    // processes die now and then at a write of an object, and the database refuses or loses a response
    if (world.chance() < 0.2) world.feeds.dieAtNextWrite = true;
    let failures = world.chance() < 0.1 ? 3 : 0;
    world.d1.failureOf = () => {
      if (failures === 0 || world.chance() < 0.5) return null;
      failures -= 1;
      refusals += 1;
      return world.chance() < 0.5 ? "refused" : "answer_lost";
    };
    await advance(world, hour);
    world.d1.failureOf = () => null;
    if (world.chance() < 0.05) world.feeds.die();
    await world.reconcile();
    finishJobs(world);
  }
  // the last entries arrive
  for (const { origin } of sources) origin.outage = null;
  world.feeds.dieAtNextWrite = false;
  for (let rest = 0; rest < 6; rest++) {
    await advance(world, world.now + HOUR);
    await world.reconcile();
    finishJobs(world);
  }
  return { ...judge(world, sources), deaths: world.feeds.deaths, refusals };
}

async function subscribe(world: World, headers: Record<string, string>, index: number): Promise<Source> {
  const host = `source-${index}.example.com`;
  const origin = new FeedOrigin(() => world.now);
  world.hosts.set(host, (request) => origin.respond(request));
  const interval = INTERVALS[index % INTERVALS.length] ?? HOUR;
  const source: Source = { host, origin, interval, followers: [], disturbed: [], count: 0, published: [] };
  for (let item = 0; item < 5; item++) publish(world, source, []);
  for (let follower = 0; follower <= index % 3; follower++) {
    const { id } = await world.call<{ id: string }>("POST", "/subscriptions", headers, {
      url: `https://${host}/feed.xml`,
      schedule: { interval_seconds: (interval * (follower + 1)) / 1000 },
    });
    source.followers.push(id);
  }
  return source;
}

function publish(world: World, source: Source, published: Item[]): void {
  const number = source.count++;
  const item: Item = {
    guid: number % 7 === 0 ? null : `guid-${number}`,
    title: `#${number}# An episode`,
    date: number % 11 === 0 ? null : world.now,
    url: `https://cdn.example.com/${source.host}/${number}.mp3`,
  };
  source.origin.items.unshift(item);
  source.origin.items.length = Math.min(source.origin.items.length, WINDOW);
  published.push(item);
}

/** What may happen to a source in an hour. */
function disturb(world: World, source: Source): void {
  const { origin } = source;
  const chance = () => world.chance();
  if (origin.outage !== null) {
    source.disturbed.push(world.now);
    if (chance() < 0.3) origin.outage = null;
  } else if (chance() < 0.01) {
    origin.outage = 503;
    source.disturbed.push(world.now);
  }
  if (chance() < 0.04) publish(world, source, source.published);
  if (chance() < 0.0005) for (let item = 0; item < FLOOD; item++) publish(world, source, source.published);
  if (chance() < 0.03) {
    origin.items = origin.items.map((item) => (chance() < 0.2 ? edited(world, item) : item));
  }
  // a feed that is sorted by other dates
  if (chance() < 0.01)
    origin.items = [...origin.items].sort((one, other) => (other.date ?? 0) - (one.date ?? 0));
}

/** Retitled, dated anew, or moved to another server, if the guid stays. */
const edited = (world: World, item: Item): Item => ({
  ...item,
  title: `${item.title} (edited)`,
  date: item.date === null ? null : world.now - Math.floor(world.chance() * DAY),
  url: item.guid === null ? item.url : `https://other.example.com/${Math.floor(world.chance() * 1e9)}.mp3`,
});

async function advance(world: World, end: number): Promise<void> {
  for (;;) {
    const next = world.feeds.nextAlarm;
    if (next > end) break;
    world.now = Math.max(world.now, next);
    await world.feeds.ring();
  }
  world.now = end;
}

/** Jobs end, so that further entries have room. */
function finishJobs({ d1, now }: World): void {
  // by the accounts, so that an index finds them
  const unfinished = d1.all<{ id: string }>(
    "select id from jobs where account_id in (select id from accounts) and finished_at is null",
  );
  if (unfinished.length === 0) return;
  const ids = JSON.stringify(unfinished.map(({ id }) => id));
  const end = (table: string, id: string, changes: string) =>
    d1.all(`update ${table} set ${changes} where ${id} in (select value from json_each(?))`, ids);
  end("jobs", "id", `status = 'Completed', due_at = null, finished_at = ${now}`);
  end("subscription_entries", "job_id", `status = 'delivered', delivered_at = ${now}`);
}

function judge(world: World, sources: readonly Source[]): Omit<Findings, "deaths" | "refusals"> {
  const rows = world.d1.all<{ subscription: string; title: string; jobs: number }>(
    `select json_extract(request, '$.subscription_id') as subscription,
      substr(title, 1, instr(substr(title, 2), '#') + 1) as title, count(*) as jobs from jobs group by 1, 2`,
  );
  const delivered = new Map(rows.map(({ subscription, title, jobs }) => [`${subscription} ${title}`, jobs]));
  let [expected, missed, doubled, polls, late, early] = [0, 0, 0, 0, 0, 0];
  for (const { followers, published, origin, interval, disturbed } of sources) {
    for (const follower of followers) {
      for (const { title } of published) {
        expected += 1;
        const jobs = delivered.get(`${follower} ${/^#\d+#/.exec(title)?.[0]}`) ?? 0;
        if (jobs === 0) missed += 1;
        if (jobs > 1) doubled += 1;
      }
    }
    polls += origin.requests.length;
    for (const [index, at] of origin.requests.slice(1).entries()) {
      const before = origin.requests[index] ?? 0;
      const isDisturbed = disturbed.some((time) => time >= before - HOUR && time <= at + HOUR);
      if (isDisturbed) continue;
      const deviation = (at - before) / interval - 1;
      if (deviation > TOLERANCE) late += 1;
      if (deviation < -TOLERANCE) early += 1;
    }
  }
  const published = sources.reduce((sum, source) => sum + source.published.length, 0);
  return { published, expected, missed, doubled, polls, late, early };
}
