import { beforeEach, describe, expect, it } from "vitest";
import type { RunRequest } from "../../schema/wire/run.ts";
import type { YtdlpRole } from "../../schema/wire/ytdlp-versions.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

/** Two versions of yt-dlp, as the Worker decides between them. */

const MINUTE = 60_000;
const NEWER = "2026.12.1";
const ALERTS = "https://hooks.example.com/alerts";
const SETTINGS = { YTDLP_CANARY_PERCENT: "100", ALERT_WEBHOOK_URL: ALERTS };

let worker: Harness;
let key: string;

beforeEach(async () => {
  for (const table of ["jobs", "exit_health", "exit_runs", "ytdlp_trials"])
    await env.DB.exec(`delete from ${table}`);
  worker = new Harness(SETTINGS);
  ({ key } = await worker.account());
});

/** Another isolate, which remembers nothing. */
function another(): Harness {
  const other = new Harness(SETTINGS);
  other.now = worker.now;
  return other;
}

const start = (by = worker) =>
  by.start(key, { url: `https://www.youtube.com/watch?v=${crypto.randomUUID().slice(0, 11)}` });

/** @param tries in their order, each a role and how it ended */
const ended = (run: RunRequest, outcome: { readonly outcome: object }, ...tries: [YtdlpRole, string][]) =>
  worker.report(run, "outcome", {
    outcome: {
      ...outcome.outcome,
      ytdlp: { candidate: NEWER, results: tries.map(([role, result]) => ({ role, result })) },
    },
  });

const worse = (run: RunRequest) => ended(run, completed, ["candidate", "internal"], ["pinned", "served"]);
const better = (run: RunRequest) =>
  ended(run, completed, ["pinned", "unsupported_url"], ["candidate", "served"]);
const withBoth = (run: RunRequest) =>
  ended(run, failed("unsupported_url"), ["pinned", "unsupported_url"], ["candidate", "unsupported_url"]);

const FIRST = { first: [NEWER], last: [], canary: true };
const LAST = { first: [], last: [NEWER], canary: true };
const UNDECIDED = { first: [], last: [], canary: true };

interface Status {
  readonly status: string;
  readonly sites: readonly object[];
  readonly operator: { readonly ytdlp: readonly object[]; readonly paused_sources: readonly object[] };
}
const status = () => worker.operator<Status>("GET", "/status");
const alerts = () => worker.network.posts.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

it("where processors have one version, nothing is written and nothing is asked of them", async () => {
  const plain = new Harness({ YTDLP_CANARY_PERCENT: "0" });
  const run = await start(plain);
  expect(run.ytdlp).toBeUndefined();
  await plain.report(run, "outcome", completed);
  const { results } = await env.DB.prepare("select * from ytdlp_trials").all();
  expect(results).toEqual([]);
  expect((await status()).operator.ytdlp).toEqual([]);
});

describe("a newer version that does worse", () => {
  it("is rolled back by three runs, for other isolates too, and tried again by one run after a minute", async () => {
    for (let job = 0; job < 2; job++) await worse(await start());
    const last = await start();
    expect(last.ytdlp).toEqual(UNDECIDED);
    await worse(last);
    expect((await start()).ytdlp).toEqual(LAST);
    expect((await start(another())).ytdlp).toEqual(LAST);
    worker.now += MINUTE + 1;
    const probe = await start();
    expect(probe.ytdlp).toEqual(FIRST);
    expect((await start()).ytdlp).toEqual(LAST);
    expect((await start(another())).ytdlp).toEqual(LAST);
    await worse(probe);
    worker.now += MINUTE + 1;
    expect((await start()).ytdlp).toEqual(LAST);
    worker.now += MINUTE;
    await ended(await start(), completed, ["candidate", "served"]);
    expect((await start()).ytdlp).toEqual(UNDECIDED);
  });

  it("is rolled back by runs that end at the same time, none of which is lost", async () => {
    const runs = [await start(), await start(), await start()];
    const isolates = runs.map(() => another());
    await Promise.all(
      runs.map((run, index) =>
        isolates[index]?.report(run, "outcome", {
          outcome: {
            ...completed.outcome,
            ytdlp: {
              candidate: NEWER,
              results: [
                { role: "candidate", result: "internal" },
                { role: "pinned", result: "served" },
              ],
            },
          },
        }),
      ),
    );
    expect((await start(another())).ytdlp).toEqual(LAST);
  });

  it("is rolled back where an isolate still prefers it, within ten seconds", async () => {
    for (let job = 0; job < 5; job++) await better(await start());
    const stale = another();
    expect((await start(stale)).ytdlp).toEqual(FIRST);
    worker.now += 1_000;
    for (let job = 0; job < 3; job++) await worse(await start());
    stale.now = worker.now + 10_001;
    expect((await start(stale)).ytdlp).toEqual(LAST);
  });

  it("is not judged by runs that began before it was promoted or rolled back", async () => {
    const early = [await start(), await start(), await start()];
    worker.now += 1_000;
    for (let job = 0; job < 5; job++) await better(await start());
    for (const run of early) await worse(run);
    expect((await start()).ytdlp).toEqual(FIRST);
  });

  it("fails no job, and the job names the version that delivered it", async () => {
    const run = await start();
    const tools = { ytdlp: "2026.11.23", ytdlp_channel: "stable", ffmpeg: "7.1" };
    await ended(
      run,
      { outcome: { ...completed.outcome, tools } },
      ["candidate", "internal"],
      ["pinned", "served"],
    );
    expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Completed", tool_versions: tools });
    const second = await start();
    const newer = { ...tools, ytdlp: NEWER };
    await ended(second, { outcome: { ...failed("private").outcome, tools: newer } });
    expect(await worker.job(key, second.job_id)).toMatchObject({ status: "Warning", tool_versions: newer });
  });
});

describe("a newer version that does better", () => {
  it("is promoted after five runs, and that outlives the isolate", async () => {
    for (let job = 0; job < 5; job++) {
      const run = await start();
      expect(run.ytdlp).toEqual(UNDECIDED);
      await better(run);
    }
    expect((await start()).ytdlp).toEqual(FIRST);
    expect((await start(another())).ytdlp).toEqual(FIRST);
    // of this site alone
    expect((await worker.start(key, { url: "https://vimeo.com/1" })).ytdlp).toEqual(UNDECIDED);
    expect((await status()).operator.ytdlp).toEqual([
      {
        ...{ site: "youtube", version: NEWER, state: "promoted", until: null, changed_at: worker.now },
        ...{ tries: 5, served: 5 },
      },
    ]);
  });

  it("is promoted even if the decision was lost with its isolate", async () => {
    for (let job = 0; job < 5; job++) await better(await start());
    // as if the Worker had been killed after the last outcome was written
    await env.DB.exec("update ytdlp_trials set state = 'trial', pinned_faults = 5, changed_at = 0");
    const other = another();
    expect((await start(other)).ytdlp).toEqual(FIRST);
    const { results } = await env.DB.prepare("select state from ytdlp_trials").all();
    expect(results).toEqual([{ state: "promoted" }]);
  });

  it("is not promoted while the pinned version serves most runs", async () => {
    for (let job = 0; job < 20; job++) {
      await better(await start());
      for (let served = 0; served < 4; served++) await ended(await start(), completed, ["pinned", "served"]);
      // what this isolate remembers is read again
      worker.now += 11_000;
    }
    expect((await start()).ytdlp).toEqual(UNDECIDED);
  });

  it("comes first in probes, too", async () => {
    for (let job = 0; job < 5; job++) await better(await start());
    await worker.call("POST", "/metadata", { key, body: { url: "https://youtu.be/abc" } });
    expect(worker.network.probes.at(-1)).toMatchObject({ ytdlp: { ...FIRST, canary: false } });
  });

  it("is reported once, and so is its end", async () => {
    for (let job = 0; job < 5; job++) await better(await start());
    await worker.reconcile();
    await worker.reconcile();
    expect(alerts()).toMatchObject([
      { type: "ytdlp_promoted", site: "youtube", version: NEWER, until: null, text: expect.any(String) },
    ]);
    worker.now += 1_000;
    for (let job = 0; job < 3; job++) await worse(await start());
    await worker.reconcile();
    expect(alerts().slice(1)).toMatchObject([{ type: "ytdlp_rolled_back", until: worker.now + MINUTE }]);
  });
});

describe("a site that no version can read", () => {
  it("is held back, its jobs say when it is tried again, and it recovers by a single run", async () => {
    const runs = [await start(), await start(), await start()];
    for (const run of runs) await withBoth(run);
    const [first, , third] = runs;
    const waiting = await worker.job(key, third?.job_id ?? "");
    expect(waiting).toMatchObject({
      ...{ status: "Pending", error_code: "site_failing", next_try_at: worker.now + 5_000 },
      error: "YouTube is not working from this server at present; tried again at 12:00 UTC",
    });
    expect(await status()).toMatchObject({
      status: "impaired",
      sites: [
        {
          ...{ site: "youtube", status: "failing", reason: "site_failing" },
          held_back_until: worker.now + MINUTE,
        },
      ],
      operator: { paused_sources: [{ name: "youtube", until: worker.now + MINUTE }] },
    });
    await worker.reconcile();
    expect(alerts()).toMatchObject([{ type: "site_failing", site: "youtube", until: worker.now + MINUTE }]);

    // a new job is not run
    const id = await worker.create(key, { url: "https://youtu.be/later" });
    const before = worker.network.runs.length;
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toHaveLength(before);
    const later = await worker.job(key, id);
    expect(later).toMatchObject({ status: "Pending", error_code: "site_failing", attempt: 0 });
    expect(later.error).toMatch(/^YouTube is not working .*; tried again at 12:01 UTC$/);

    worker.now += 2 * MINUTE;
    await worker.reconcile();
    await worker.consumeDispatchQueue();
    const [probe, ...others] = worker.network.runs.slice(before);
    expect(others).toEqual([]);
    if (!probe) throw new Error("no job tries whether the site works again");
    await ended(probe, completed, ["pinned", "served"]);
    expect((await status()).sites).toMatchObject([{ site: "youtube", held_back_until: null }]);
    await worker.reconcile();
    expect(alerts().slice(1)).toMatchObject([{ type: "site_recovered", site: "youtube" }]);
    // what waited is run
    worker.now += 5 * MINUTE;
    await worker.reconcile();
    await worker.consumeDispatchQueue();
    const ids = worker.network.runs.slice(before).map(({ job_id }) => job_id);
    expect(new Set(ids)).toEqual(new Set([...runs.map(({ job_id }) => job_id), id]));
    expect(first?.attempt).toBe(1);
  });

  it("is not held back by one address without media, whose job ends after three tries with its own reason", async () => {
    let run = await start();
    const { job_id } = run;
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(run.attempt).toBe(attempt);
      await withBoth(run);
      worker.now += MINUTE;
      await worker.reconcile();
      await worker.consumeDispatchQueue();
      run = worker.network.runs.findLast((other) => other.job_id === job_id) ?? run;
    }
    expect(await worker.job(key, job_id)).toMatchObject({ status: "Failed", error_code: "unsupported_url" });
    expect((await start()).attempt).toBe(1);
  });

  it("is not held back if nobody knows its name", async () => {
    for (let job = 0; job < 5; job++) {
      await withBoth(await worker.start(key, { url: `https://media.example.com/${job}` }));
    }
    expect((await worker.start(key)).attempt).toBe(1);
  });
});
