import { expect, it } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { dispatchJob } from "../../worker/services/runs/dispatcher.ts";
import { delivery, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

/**
 * Nothing that an account can see depends on what other accounts fetch: the same steps of one account are taken alone, and
 * between the steps of another account that fetches the same media, and what it sees is compared.
 */

const SEEDS = [1, 2, 3, 4];
const STEPS = 25;
/** More than jobs of the other account can be due. */
const TRIES = 20;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Numbers below a bound, always the same ones for a seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 374_761_393) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** One account and everything that it sees. */
class Caller {
  readonly seen: string[] = [];
  readonly #worker: Harness;
  readonly #key: string;
  readonly #pick: (below: number) => number;
  readonly #jobs: string[] = [];
  /** Jobs that it has neither ended nor cancelled. */
  readonly #open = new Set<string>();
  readonly #running = new Map<string, RunRequest>();
  readonly #names = new Map<string, string>();

  constructor(worker: Harness, key: string, pick: (below: number) => number) {
    this.#worker = worker;
    this.#key = key;
    this.#pick = pick;
  }

  /** Takes a step, and starts everything that is due after it: a free slot would start it at once. */
  async step(): Promise<void> {
    await this.#act();
    for (const id of this.#open) await this.#start(id);
  }

  async #act(): Promise<void> {
    const id = this.#jobs[this.#pick(Math.max(1, this.#jobs.length))];
    switch (this.#pick(6)) {
      case 0:
      case 1:
        return await this.#create();
      case 2:
        return await this.#end(id, "completed");
      case 3:
        return await this.#end(id, "failed");
      case 4:
        if (id !== undefined) await this.#cancel(id);
        return;
      default:
        if (id !== undefined) await this.#look("DELETE", `/jobs/${id}/file`);
        await this.#look("GET", "/usage");
    }
  }

  /** Everything about all of its jobs. */
  async lookAround(): Promise<void> {
    for (const id of this.#jobs) await this.#look("GET", `/jobs/${id}`);
    await this.#look("GET", "/usage");
    await this.#look("GET", "/dashboard/stats");
  }

  async #create(): Promise<void> {
    const url = `https://media.example.com/${this.#pick(3)}.mp4`;
    const id = await this.#worker.create(this.#key, { url, folder: `f${this.#pick(2)}` });
    this.#note(`created with ${this.#calls()} calls`);
    this.#jobs.push(id);
    this.#open.add(id);
  }

  async #cancel(id: string): Promise<void> {
    await this.#look("DELETE", `/jobs/${id}`);
    this.#open.delete(id);
  }

  /** Starts the job if it is due, and notes which file its run may copy. */
  async #start(id: string): Promise<void> {
    const before = this.#worker.network.runs.length;
    // jobs of accounts with fewer runs are started first, whatever they fetch
    for (let tries = 0; tries < TRIES; tries++) {
      const dispatch = await dispatchJob(this.#worker.context(), id);
      if (dispatch.type !== "later" || dispatch.why !== "behind") break;
    }
    const run = this.#worker.network.runs.slice(before).find(({ job_id }) => job_id === id);
    if (run) this.#running.set(id, run);
    this.#note(`${id}: ${run ? `run ${run.attempt}, file ${run.reuse?.file?.job_id}` : "no run"}`);
  }

  async #end(id: string | undefined, how: "completed" | "failed"): Promise<void> {
    const run = id === undefined ? undefined : this.#running.get(id);
    if (!run || id === undefined) return;
    this.#running.delete(id);
    this.#open.delete(id);
    const key = `${run.key_prefix.base_folder}/${run.key_prefix.folder}/media.mp4`;
    const source = { media: `Example ${new URL(run.url).pathname}`, name: "media", version: null };
    await this.#worker.report(run, "upload", { key, ref: "u" });
    await this.#worker.report(run, "publish");
    const done = { outcome: { type: "completed", delivery: { ...delivery, key, source } } };
    const outcome = how === "completed" ? done : failed("unavailable");
    // the end of a run starts due jobs of all accounts, whatever they fetch; here each caller starts its own
    await this.#worker.report(run, "outcome", { ...outcome, free_slots: 0 });
  }

  async #look(method: string, path: string): Promise<void> {
    const response = await this.#worker.call(method, path, { key: this.#key });
    const { s3_url: _, ...body } = await response.json<Partial<Job>>();
    this.#note(`${method} ${path} ${response.status} ${JSON.stringify(body)} with ${this.#calls()} calls`);
  }

  /** How long a request takes is a matter of these. */
  #calls = () => this.#worker.logs.findLast(({ event }) => event === "request")?.d1_calls;

  /** Ids are random; what matters is which is which. */
  #note(text: string): void {
    const named = text.replace(UUID, (id) => {
      const name = this.#names.get(id) ?? `#${this.#names.size}`;
      this.#names.set(id, name);
      return name;
    });
    this.seen.push(named);
  }
}

async function observe(seed: number, isAlone: boolean): Promise<readonly string[]> {
  for (const table of ["jobs", "job_media", "usage", "key_usage", "job_counts"])
    await env.DB.exec(`delete from ${table}`);
  const worker = new Harness({ REUSE_HOURS: "24" });
  const [mine, other] = [await worker.account(), await worker.account()];
  const me = new Caller(worker, mine.key, numbers(seed));
  const them = new Caller(worker, other.key, numbers(seed + 1000));
  // what every isolate soon has cached
  await worker.json("GET", "/usage", { key: mine.key });
  await worker.services.backoffs.read(worker.context());
  for (let step = 0; step < STEPS; step++) {
    if (!isAlone) for (let theirs = 0; theirs < 2; theirs++) await them.step();
    await me.step();
  }
  await me.lookAround();
  return me.seen;
}

it("an account sees the same, whatever another one fetches", { timeout: 120_000 }, async () => {
  let offers = 0;
  for (const seed of SEEDS) {
    const alone = await observe(seed, true);
    expect(await observe(seed, false), `seed ${seed}`).toEqual(alone);
    offers += alone.filter((line) => /file #/.test(line)).length;
  }
  // not only because nothing was ever copied
  expect(offers).toBeGreaterThan(0);
});
