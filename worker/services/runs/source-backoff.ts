import { ADDRESS_REFUSALS, JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import type { Outcome } from "../../../schema/wire/callback.ts";
import type { Backoffs, RequestContext } from "../../context.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow, StorageConfigForRun } from "../../db/job-rows.ts";
import {
  clearSource,
  clearStorage,
  listBackoffs,
  putOff,
  strikeSource,
  strikeStorage,
} from "../../db/source-backoff.ts";
import { DISPATCH_GRACE_MS, sendDispatchMessages } from "../queue/sender.ts";

/**
 * Pauses for sources and storages. A source that asks for a robot check or limits requests is paused for a growing
 * time, so that it does not fail every waiting job: due jobs are postponed, and nothing counts against them. A storage
 * that is down is paused in the same way, for jobs that deliver to the same place. A failure of one party never counts
 * against another.
 */

/** In milliseconds. */
const SOURCE_TIMES = { first: 60_000, longest: 60 * 60_000 };
/** Shorter than for sources: a storage usually recovers soon, and its job's bytes are already fetched. */
const STORAGE_TIMES = { first: 5_000, longest: 15 * 60_000 };
/** Longest pause that a source or a storage may ask for, in milliseconds. */
const LONGEST_ASKED_MS = 60 * 60_000;
const STALE_AFTER_MS = 24 * 60 * 60_000;
/** Postponed jobs return spread over this share of the pause. */
const SPREAD = 0.25;
/** Maximum age of an isolate's memory, in milliseconds. */
const MEMORY_MS = 10_000;

/** This isolate's copy of the pauses. The tables are the truth. */
export class BackoffMemory {
  #known: Backoffs = { sources: new Map(), storages: new Map() };
  #readAt = Number.NEGATIVE_INFINITY;

  /** When each paused source or storage may be asked again, in epoch milliseconds. */
  async read({ db, clock, runner }: Pick<RequestContext, "db" | "clock" | "runner">): Promise<Backoffs> {
    if (clock() - this.#readAt > MEMORY_MS) {
      const { sources, storages, instances } = await listBackoffs(
        db,
        clock() - STALE_AFTER_MS,
        runner.isPacked,
      );
      // choosing an instance for the next run requires knowing what runs there; it takes no extra round trip
      if (instances) runner.count(instances);
      const byName = (rows: typeof sources) => new Map(rows.map(({ name, until }) => [name, until]));
      this.#known = { sources: byName(sources), storages: byName(storages) };
      this.#readAt = clock();
    }
    return this.#known;
  }

  /** Drops the copy, because the tables were changed. */
  remove(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}

/** What a job's source and storage permit at present. */
export type Admittance =
  | { readonly type: "put_off" }
  /** Pool members that must not be used, because the source refused their addresses. */
  | { readonly type: "admitted"; readonly refusedRunners: readonly string[] };

/**
 * Postpones a due job when its storage is paused, or its source is paused for every member of the pool.
 *
 * @param config the account's current storage, which jobs with account storage deliver to
 */
export async function putOffBlocked(
  context: RequestContext,
  job: JobRow,
  config: StorageConfigForRun | null,
): Promise<Admittance> {
  const now = context.clock();
  const { sources, storages } = await context.backoffs.read(context);
  const { members } = context.runner;
  const untilOf = (member: string) => sources.get(exitOf(context, job, member)) ?? 0;
  const refusedRunners = members.filter((member) => untilOf(member) > now);
  const source = refusedRunners.length < members.length ? 0 : Math.min(...members.map(untilOf));
  const storage = storages.get(placeNow(job, config)) ?? 0;
  const until = Math.max(source, storage);
  if (until <= now) return { type: "admitted", refusedRunners };
  const [chance = 0] = context.random(1);
  const dueAt = Math.ceil(until + (until - now) * SPREAD * (chance / 255));
  const code: JobErrorCode = storage > source ? "upload_failed" : "rate_limited";
  if (await putOff(context.db, job, { dueAt, enqueueDueAt: dueAt + DISPATCH_GRACE_MS, code })) {
    context.log("put_off", { job_id: job.id, ms: dueAt - now, why: code });
    context.defer(sendDispatchMessages(context, [job.id], dueAt - now));
  }
  return { type: "put_off" };
}

/** Strikes against, or clears, the job's source and storage; written together with the outcome. */
export async function backoffStatements(
  context: RequestContext,
  outcome: Outcome["outcome"],
): Promise<(job: JobRow) => readonly GuardedStatement[]> {
  if (outcome.type === "failed") return (job) => strikesOf(context, job, outcome);
  if (outcome.type !== "completed") return () => [];
  const struck = await context.backoffs.read(context);
  return (job) => {
    const exit = exitOf(context, job, job.runner);
    const cleared = [
      ...(struck.sources.has(exit) ? [clearSource(exit)] : []),
      ...(struck.storages.has(storagePlaceOf(job)) ? [clearStorage(storagePlaceOf(job))] : []),
    ];
    if (cleared.length > 0) context.backoffs.remove();
    return cleared;
  };
}

function strikesOf(
  context: RequestContext,
  job: JobRow,
  { code, retry_after_ms, transient, other_exits = 0 }: Extract<Outcome["outcome"], { type: "failed" }>,
): readonly GuardedStatement[] {
  const requested = Math.min(retry_after_ms ?? 0, LONGEST_ASKED_MS);
  const common = { requested, forgetAfterMs: STALE_AFTER_MS };
  const { party, retry } = JOB_ERRORS[code];
  // a processor with other addresses continues with one of them
  const isRefusal = ADDRESS_REFUSALS.includes(code) && other_exits === 0;
  const isStorageDown = party === "storage" && retry === "patient" && transient !== false;
  if (!isRefusal && !isStorageDown) return [];
  context.backoffs.remove();
  return isRefusal
    ? [strikeSource(exitOf(context, job, job.runner), context.clock(), { ...SOURCE_TIMES, ...common })]
    : [strikeStorage(storagePlaceOf(job), context.clock(), { ...STORAGE_TIMES, ...common })];
}

/**
 * The key of a source's pause, for one member of the pool: sources refuse addresses, and each member has its own. With
 * a single member it is the host alone.
 *
 * @example "media.example.com processor-1"
 */
function exitOf({ runner }: RequestContext, job: JobRow, member: string | null): string {
  const host = hostOf(job);
  return runner.members.length > 1 && member !== null ? `${host} ${member}` : host;
}

const hostOf = ({ url, media_url }: JobRow): string => new URL(media_url ?? url).hostname;

/** Provider, endpoint and bucket in one text. @example "s3 https://s3.example.com/bucket" */
const storagePlaceOf = ({
  storage_provider,
  storage_place,
}: Pick<JobRow, "storage_provider" | "storage_place">): string =>
  `${storage_provider} ${storage_place ?? "managed"}`;

/** The account may have replaced its storage after the job was accepted. */
const placeNow = (job: JobRow, config: StorageConfigForRun | null): string =>
  job.storage_source === "account" && config !== null
    ? storagePlaceOf({ storage_provider: config.provider, storage_place: config.place })
    : storagePlaceOf(job);
