import fc from "fast-check";
import { expect, it } from "vitest";
import type { InlineStorage } from "../../schema/api/storage.ts";
import { stemOf } from "../../schema/storage/object-key.ts";
import { env } from "./support/env.ts";
import { FakeRun, finishAll, sha256 } from "./support/fake-processor.ts";
import { Harness } from "./support/harness.ts";
import { MemoryStorage } from "./support/memory-storage.ts";
import { s3 } from "./support/storages.ts";

/**
 * Whatever accounts ask for, deliver, delete, let expire and deliver again after a run fell silent: the link of every
 * completed job gives the bytes of its `sha256`, or the job says that its file was replaced, deleted or expired.
 */

/** Enough to meet each kind of conflict; the seed of a failure is printed. */
const RUNS = 12;
const DAY = 24 * 60 * 60_000;

type Action =
  | { readonly type: "ask"; readonly account: number; readonly request: Record<string, unknown> }
  | { readonly type: "step"; readonly run: number; readonly steps: number }
  | { readonly type: "delete"; readonly job: number; readonly meanwhile: number }
  | { readonly type: "silence" }
  | { readonly type: "days"; readonly days: number };

/** Each caller brings a separate bucket: conflicts of two accounts in one bucket of their own are theirs to resolve. */
const inlineOf = (account: number): InlineStorage => ({ ...s3, bucket: `media-${account}` });
const request = fc.record({
  filename: fc.constantFrom("talk", "talk.en", "Talk"),
  folder: fc.constantFrom("a", "a/b"),
  format: fc.constantFrom("mp4", "mkv"),
  download_thumbnail: fc.boolean(),
  download_subtitles: fc.boolean(),
  brings: fc.constantFrom(false, false, true),
});
const index = fc.nat({ max: 7 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("ask"), account: fc.nat({ max: 2 }), request }) },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant("step"), run: index, steps: fc.integer({ min: 1, max: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("delete"), job: index, meanwhile: index }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("silence") }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("days"), days: fc.integer({ min: 1, max: 4 }) }) },
);

/** The second of two runs has published the name that the first waits for when both are to end. */
const plain = { filename: "talk", folder: "a", format: "mp4" };
const ask: Action = { type: "ask", account: 0, request: plain };
const OVERTAKEN: readonly Action[] = [
  ...[ask, ask],
  ...[{ type: "step", run: 1, steps: 2 } as const, { type: "step", run: 0, steps: 3 } as const],
];

/** A service with three accounts, two of which have prefixes that begin alike. */
class World {
  readonly #worker = new Harness();
  readonly #storage = new MemoryStorage();
  #keys: string[] = [];
  #runs: FakeRun[] = [];
  #jobs: { readonly id: string; readonly key: string; readonly storage: InlineStorage | undefined }[] = [];

  async open(): Promise<void> {
    for (const table of ["jobs", "job_credentials", "api_keys", "accounts"])
      await env.DB.exec(`delete from ${table}`);
    await this.#storage.clear();
    this.#worker.network.onStorage = this.#storage.respond;
    this.#worker.network.onOther = this.#storage.respond;
    for (const prefix of [{ storage_prefix: "ab" }, { storage_prefix: "abc" }, {}]) {
      const { id } = await this.#worker.operator<{ id: string }>("POST", "/admin/accounts", {
        name: "a",
        ...prefix,
      });
      const made = await this.#worker.operator<{ api_key: string }>("POST", `/admin/accounts/${id}/keys`);
      this.#keys.push(made.api_key);
    }
  }

  async act(action: Action): Promise<void> {
    switch (action.type) {
      case "ask":
        return this.#ask(action.account, action.request);
      case "step":
        for (let step = 0; step < action.steps; step++) await this.#pick(this.#running, action.run)?.step();
        return;
      case "delete":
        return this.#delete(action.job, action.meanwhile);
      case "silence":
        // the runs fall silent, and the next ones begin
        this.#runs = [];
        this.#worker.now += this.#worker.services.config.leaseMs + 1;
        await this.#worker.reconcile();
        return this.#takeRuns();
      case "days":
        await finishAll(this.#running);
        this.#worker.now += action.days * DAY;
        await this.#worker.reconcile();
        return;
    }
  }

  async #ask(account: number, { brings, ...asked }: Record<string, unknown>): Promise<void> {
    const key = this.#keys[account] ?? "";
    const storage = brings ? inlineOf(account) : undefined;
    const id = await this.#worker.create(key, { ...asked, storage });
    this.#jobs.push({ id, key, storage });
    await this.#takeRuns();
  }

  async #takeRuns(): Promise<void> {
    const before = this.#worker.network.runs.length;
    await this.#worker.consumeDispatchQueue();
    const started = this.#worker.network.runs.slice(before);
    this.#runs.push(...started.map((run) => new FakeRun(this.#worker, this.#storage, run)));
  }

  /** Deletes a file; a run continues while the storage is asked. */
  async #delete(job: number, meanwhile: number): Promise<void> {
    const chosen = this.#pick(this.#jobs, job);
    if (!chosen) return;
    const { id, key, storage } = chosen;
    this.#storage.onDelete = async () => {
      this.#storage.onDelete = async () => {};
      for (let step = 0; step < 4; step++) await this.#pick(this.#running, meanwhile)?.step();
    };
    const body = storage ? { storage } : undefined;
    const { status } = await this.#worker.call("DELETE", `/jobs/${id}/file`, { key, body });
    this.#storage.onDelete = async () => {};
    expect([200, 400, 503]).toContain(status);
  }

  get #running(): FakeRun[] {
    return this.#runs.filter(({ isOver }) => !isOver);
  }

  #pick<T>(from: readonly T[], at: number): T | undefined {
    return from[at % Math.max(1, from.length)];
  }

  /** Between a run's first object and its report the Worker cannot know of it: those names are not checked. */
  async check(): Promise<void> {
    const written = new Set(
      this.#running.filter(({ hasWritten }) => hasWritten).map(({ key }) => stemOf(key)),
    );
    for (const { id, key, storage } of this.#jobs) {
      const job = await this.#worker.job(key, id);
      if (job.status !== "Completed") continue;
      if (job.s3_key !== null && written.has(stemOf(job.s3_key))) continue;
      if (job.s3_url === null) {
        const linksExpired = storage !== undefined && this.#worker.now - (job.finished_at ?? 0) >= DAY;
        expect([job.file_replaced_by !== null, job.s3_key === null, linksExpired]).toContain(true);
        continue;
      }
      expect(job.file_replaced_by).toBeNull();
      expect(await sha256(await this.#fetch(job.s3_url))).toBe(job.sha256);
      const { subtitles, thumbnail_url } = job;
      for (const { url } of subtitles) expect(await this.#fetch(url)).toBe(`subtitles of ${id}`);
      if (thumbnail_url !== null) expect(await this.#fetch(thumbnail_url)).toBe(`thumbnail of ${id}`);
    }
  }

  async #fetch(link: string | null): Promise<string> {
    return (await this.#worker.network.fetch(link ?? "")).text();
  }

  /** Ends every run. */
  async close(): Promise<void> {
    await finishAll(this.#running);
  }
}

it("every completed job's link gives its bytes, or the job says why it has none", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 8, maxLength: 24 }),
      async (actions: readonly Action[]) => {
        const world = new World();
        await world.open();
        for (const next of actions) {
          await world.act(next);
          await world.check();
        }
        await world.close();
        await world.check();
      },
    ),
    { numRuns: RUNS, examples: [[[...OVERTAKEN]]] },
  );
}, 300_000);
