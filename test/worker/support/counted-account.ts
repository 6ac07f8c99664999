import { expect } from "vitest";
import type { KeyUsageList, Usage } from "../../../schema/api/usage.ts";
import type { RunRequest } from "../../../schema/wire/run.ts";
import { delivery, failed } from "./delivery.ts";
import type { Harness } from "./harness.ts";

const GB = 1024 ** 3;
/** What each unfinished job reserves of the quota, and delivers at most, in bytes. */
export const LARGEST_FILE = GB / 4;
const MONTHS = ["2026-11", "2026-12", "2027-01"] as const;

interface CountedJob {
  /** Index of the key that created it. */
  readonly key: number;
  run: RunRequest;
  /** Null while the job is unfinished. */
  end: { readonly month: number; readonly bytes: number } | null;
}

/** An account with two keys, counted independently of the Worker, which must get the same result. */
export class CountedAccount {
  readonly #worker: Harness;
  readonly #keys: string[] = [];
  readonly #jobs: CountedJob[] = [];
  #month = 0;

  constructor(worker: Harness) {
    this.#worker = worker;
  }

  async open(): Promise<void> {
    const limits = { storage_bytes: 1_000 * GB, max_filesize_bytes: LARGEST_FILE };
    const { id, key } = await this.#worker.account(limits);
    const path = `/admin/accounts/${id}/keys`;
    this.#keys.push(key, (await this.#worker.operator<{ api_key: string }>("POST", path)).api_key);
  }

  async accept(key: number): Promise<void> {
    this.#jobs.push({ key, run: await this.#worker.start(this.#keys[key] ?? ""), end: null });
  }

  async complete(index: number, file_size: number): Promise<void> {
    const outcome = { type: "completed", delivery: { ...delivery, file_size } };
    await this.#report(index, { outcome }, file_size);
  }

  async fail(index: number): Promise<void> {
    await this.#report(index, failed("private"), 0);
  }

  async cancel(index: number): Promise<void> {
    const job = this.#job(index);
    if (!job) return;
    await this.#worker.call("DELETE", `/jobs/${job.run.job_id}`, { key: this.#keys[job.key] });
    job.end ??= { month: this.#month, bytes: 0 };
  }

  /** The processor falls silent, and another one takes over. */
  async lose(index: number): Promise<void> {
    const job = this.#job(index);
    if (!job || job.end) return;
    await this.#report(index, { outcome: { type: "interrupted" } }, null);
    await this.#worker.consumeDispatchQueue();
    job.run = this.#worker.network.runs.findLast(({ job_id }) => job_id === job.run.job_id) ?? job.run;
  }

  /** Retries an ended job with either of the keys: it counts for the key that retries. */
  async retry(index: number, key: number): Promise<void> {
    const job = this.#job(index);
    if (!job) return;
    const path = `/jobs/${job.run.job_id}/retry`;
    const response = await this.#worker.call("POST", path, { key: this.#keys[key] });
    if (response.status !== 201) return;
    await this.#worker.consumeDispatchQueue();
    this.#jobs.push({ key, run: this.#worker.network.run, end: null });
  }

  passMonth(): void {
    if (this.#month === MONTHS.length - 1) return;
    this.#month += 1;
    this.#worker.now = Date.UTC(2026, 10 + this.#month, 1);
  }

  /** The current month is reported exactly, for the account and for each key. */
  async check(month = this.#month): Promise<void> {
    const query = `?period=${MONTHS[month]}`;
    const [key] = this.#keys;
    const account = await this.#worker.json<Usage>("GET", `/usage${query}`, { key });
    const all = this.#expected(month, () => true);
    expect(account).toMatchObject({
      period: MONTHS[month],
      usage_count: all.usage_count,
      storage_usage_gb: Number((all.storage_usage_bytes / GB).toFixed(2)),
      storage_reserved_gb: Number((all.storage_reserved_bytes / GB).toFixed(2)),
    });
    const { keys } = await this.#worker.json<KeyUsageList>("GET", `/usage/keys${query}`, { key });
    expect(keys).toMatchObject([0, 1].map((index) => this.#expected(month, (job) => job.key === index)));
  }

  /** All months are reported exactly. */
  async checkAll(): Promise<void> {
    for (const month of MONTHS.keys()) await this.check(month);
  }

  #expected(month: number, counts: (job: CountedJob) => boolean) {
    const jobs = this.#jobs.filter(counts);
    const ended = jobs.flatMap(({ end }) => (end?.month === month ? [end] : []));
    const unfinished = month === this.#month ? jobs.filter(({ end }) => end === null).length : 0;
    return {
      usage_count: ended.length + unfinished,
      storage_usage_bytes: ended.reduce((sum, { bytes }) => sum + bytes, 0),
      storage_reserved_bytes: unfinished * LARGEST_FILE,
    };
  }

  #job(index: number): CountedJob | undefined {
    return this.#jobs[index % Math.max(1, this.#jobs.length)];
  }

  /** Reports twice, like a processor whose response was lost. @param bytes null when the job continues */
  async #report(index: number, content: object, bytes: number | null): Promise<void> {
    const job = this.#job(index);
    if (!job) return;
    await this.#worker.report(job.run, "outcome", content);
    await this.#worker.report(job.run, "outcome", content);
    if (bytes !== null) job.end ??= { month: this.#month, bytes };
  }
}
