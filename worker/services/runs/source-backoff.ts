import type { JobErrorCodeOf } from "../../../schema/errors.ts";
import type { Outcome } from "../../../schema/wire/callback.ts";
import type { RequestContext } from "../../context.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { clearSource, listBackoffs, putOff, strikeSource } from "../../db/source-backoff.ts";
import { DISPATCH_GRACE_MS, sendDispatchMessages } from "../queue/sender.ts";

/**
 * A source that asks for a robot check or limits us is left alone for a growing time, so that it does not burn every
 * job that is waiting for it: due jobs are put off instead, and nothing is counted against them.
 */

const REFUSALS: readonly JobErrorCodeOf<"source">[] = ["bot_check", "rate_limited"];
/** In milliseconds. */
const FIRST_MS = 60_000;
const LONGEST_MS = 60 * 60_000;
const STALE_AFTER_MS = 24 * 60 * 60_000;
/** Jobs that were put off come back spread over this share of the time. */
const SPREAD = 0.25;
/** How old an isolate's memory of the sources may be, in milliseconds. */
const MEMORY_MS = 10_000;

/** What this isolate knows of sources that were struck; the table says what is true. */
export class BackoffMemory {
  #until: ReadonlyMap<string, number> = new Map();
  #readAt = Number.NEGATIVE_INFINITY;

  /** When each source that was struck may be asked again, in epoch milliseconds. */
  async read({ db, clock }: Pick<RequestContext, "db" | "clock">): Promise<ReadonlyMap<string, number>> {
    if (clock() - this.#readAt > MEMORY_MS) {
      const rows = await listBackoffs(db, clock() - STALE_AFTER_MS);
      this.#until = new Map(rows.map(({ host, until }) => [host, until]));
      this.#readAt = clock();
    }
    return this.#until;
  }

  /** The table was changed. */
  remove(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}

/** Puts a due job off when its source is to be left alone. Answers whether it was. */
export async function putOffBlocked(context: RequestContext, job: JobRow): Promise<boolean> {
  const now = context.clock();
  const until = (await context.backoffs.read(context)).get(hostOf(job)) ?? 0;
  if (until <= now) return false;
  const [chance = 0] = context.random(1);
  const dueAt = Math.ceil(until + (until - now) * SPREAD * (chance / 255));
  if (await putOff(context.db, job, dueAt, dueAt + DISPATCH_GRACE_MS)) {
    context.log("put_off", { job_id: job.id, ms: dueAt - now });
    context.defer(sendDispatchMessages(context, [job.id], dueAt - now));
  }
  return true;
}

/** What an outcome says of its job's source, to be written with it. */
export async function backoffStatements(
  context: RequestContext,
  outcome: Outcome["outcome"],
): Promise<(job: JobRow) => readonly GuardedStatement[]> {
  if (outcome.type === "failed" && REFUSALS.some((code) => code === outcome.code)) {
    const requested = Math.min(outcome.retry_after_ms ?? 0, LONGEST_MS);
    const times = { first: FIRST_MS, longest: LONGEST_MS, requested, forgetAfterMs: STALE_AFTER_MS };
    return (job) => {
      context.backoffs.remove();
      return [strikeSource(hostOf(job), context.clock(), times)];
    };
  }
  if (outcome.type !== "completed") return () => [];
  const struck = await context.backoffs.read(context);
  return (job) => {
    if (!struck.has(hostOf(job))) return [];
    context.backoffs.remove();
    return [clearSource(hostOf(job))];
  };
}

const hostOf = ({ url, media_url }: JobRow): string => new URL(media_url ?? url).hostname;
