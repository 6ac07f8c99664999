import { beforeAll, describe, expect, it } from "vitest";
import { seedJobs } from "../../bin/bench/servers/seed-jobs.ts";
import { SEARCH_SPAN } from "../../worker/db/search/search-jobs.ts";
import { completed, delivery } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { MeteredD1 } from "./support/metered-d1.ts";

const DAY_MS = 86_400_000;

interface Page {
  readonly jobs: readonly { readonly id: string; readonly title: string | null }[];
  readonly total: number;
  readonly next_cursor: string | null;
}

let worker: Harness;
let key: string;
const meter = new MeteredD1(env.DB);

beforeAll(async () => {
  worker = new Harness({ DB: meter.binding });
  ({ key } = await worker.account());
});

const search = (text: string, more = "", by = key) =>
  worker.json<Page>("GET", `/jobs?search=${encodeURIComponent(text)}${more}`, { key: by });

async function deliver(title: string, change: Record<string, unknown> = {}): Promise<string> {
  const run = await worker.start(key, change);
  await worker.report(run, "outcome", {
    outcome: { ...completed.outcome, delivery: { ...delivery, title } },
  });
  return run.job_id;
}

describe("a search of jobs", () => {
  it("finds words of title, address, key and file name in any case of letters, and an id", async () => {
    const id = await deliver("Über die Küste: 100 % Nordsee", {
      url: "https://media.example.com/Kiel_Canal.mp4",
      filename: "north-sea",
    });
    await deliver("Something else");
    for (const text of [
      ...["nordsee", "ÜBER küste", "kiel_canal", "NORTH-SEA", "media.example.com nordsee", "100 %"],
      ...[id, id.toUpperCase()],
    ]) {
      const { jobs, total, next_cursor } = await search(text);
      expect([text, jobs.map((job) => job.id), total, next_cursor]).toEqual([text, [id], 1, null]);
    }
    for (const text of ["nordsee baltic", "10% nord", "kiel%canal", "'"]) {
      expect([text, (await search(text)).jobs]).toEqual([text, []]);
    }
  });

  it("respects the other filters, and shows no other account's jobs", async () => {
    const id = await deliver("Filtered by status");
    expect((await search("filtered", "&status=completed")).jobs).toMatchObject([{ id }]);
    expect((await search("filtered", "&status=failed")).jobs).toEqual([]);
    expect((await search(id, "&status=failed")).jobs).toEqual([]);
    const { key: other } = await worker.account();
    expect((await search("filtered", "", other)).jobs).toEqual([]);
    expect((await search(id, "", other)).jobs).toEqual([]);
  });

  it("is read page by page, and each job once", async () => {
    const ids = [];
    for (let index = 0; index < 5; index++) ids.push(await deliver(`Paged ${index}`));
    const found: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Page = await search("paged", `&limit=2${cursor && `&cursor=${cursor}`}`);
      found.push(...page.jobs.map((job) => job.id));
      cursor = page.next_cursor;
    }
    expect(found).toEqual(ids.toReversed());
  });

  it("costs the same with any number of jobs, and goes on where it stopped", {
    timeout: 120_000,
  }, async () => {
    const id = await deliver("A needle in the hay");
    const seed = await deliver("Hay");
    await seedJobs(env.DB, {
      jobId: seed,
      count: 2 * SEARCH_SPAN,
      days: 30,
      until: worker.now + 30 * DAY_MS,
    });
    meter.take();
    const first = await search("needle");
    expect(meter.take()).toBeLessThan(3 * SEARCH_SPAN + 100);
    expect(first.jobs).toEqual([]);
    expect(first.next_cursor).not.toBeNull();
    const pages = [first];
    for (let next = first.next_cursor; next !== null; next = pages.at(-1)?.next_cursor ?? null) {
      pages.push(await search("needle", `&cursor=${next}`));
    }
    expect(pages.length).toBeLessThanOrEqual(4);
    expect(pages.flatMap(({ jobs }) => jobs).map((job) => job.id)).toEqual([id]);
  });

  it("refuses a text that is too long", async () => {
    expect((await worker.call("GET", `/jobs?search=${"x".repeat(201)}`, { key })).status).toBe(400);
  });
});
