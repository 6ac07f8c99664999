import type { JobErrorCode } from "../../../schema/errors.ts";
import type { Outcome } from "../../../schema/wire/callback.ts";
import type { Scope } from "../../context.ts";
import type { Companion } from "../../db/companions.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { clearSource, listBackoffs, putOff, strikeSource } from "../../db/source-backoff.ts";
import { HINT_GRACE_MS, sendHints } from "../queue/sender.ts";

/**
 * A source that asks for a robot check or limits us is left alone for a growing time, so that it does not burn every
 * job that is waiting for it: due jobs are put off instead, and nothing is counted against them.
 */

const REFUSALS: readonly JobErrorCode[] = ["bot_check", "rate_limited"];
/** In milliseconds. */
const FIRST_MS = 60_000;
const LONGEST_MS = 60 * 60_000;
const FORGET_MS = 24 * 60 * 60_000;
/** Jobs that were put off come back spread over this share of the time. */
const SPREAD = 0.25;
/** How old an isolate's memory of the sources may be, in milliseconds. */
const MEMORY_MS = 10_000;

/** What this isolate knows of sources that were struck; the table says what is true. */
export class BackoffMemory {
  #until: ReadonlyMap<string, number> = new Map();
  #readAt = Number.NEGATIVE_INFINITY;

  /** When each source that was struck may be asked again, in epoch milliseconds. */
  async read({ db, clock }: Pick<Scope, "db" | "clock">): Promise<ReadonlyMap<string, number>> {
    if (clock() - this.#readAt > MEMORY_MS) {
      const rows = await listBackoffs(db, clock() - FORGET_MS);
      this.#until = new Map(rows.map(({ host, until }) => [host, until]));
      this.#readAt = clock();
    }
    return this.#until;
  }

  /** The table was changed. */
  forget(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}

/** Puts a due job off when its source is to be left alone. Answers whether it was. */
export async function putOffBlocked(scope: Scope, job: JobRow): Promise<boolean> {
  const now = scope.clock();
  const until = (await scope.backoffs.read(scope)).get(hostOf(job)) ?? 0;
  if (until <= now) return false;
  const [chance = 0] = scope.random(1);
  const dueAt = Math.ceil(until + (until - now) * SPREAD * (chance / 255));
  if (await putOff(scope.db, job, dueAt, dueAt + HINT_GRACE_MS)) {
    scope.log("put_off", { job_id: job.id, ms: dueAt - now });
    scope.defer(sendHints(scope, [job.id], dueAt - now));
  }
  return true;
}

/** What an outcome says of its job's source, to be written with it. */
export async function backoffCompanions(
  scope: Scope,
  outcome: Outcome["outcome"],
): Promise<(job: JobRow) => readonly Companion[]> {
  if (outcome.type === "failed" && REFUSALS.includes(outcome.code)) {
    const wished = Math.min(outcome.retry_after_ms ?? 0, LONGEST_MS);
    const times = { first: FIRST_MS, longest: LONGEST_MS, wished, forget: FORGET_MS };
    return (job) => {
      scope.backoffs.forget();
      return [strikeSource(hostOf(job), scope.clock(), times)];
    };
  }
  if (outcome.type !== "completed") return () => [];
  const struck = await scope.backoffs.read(scope);
  return (job) => {
    if (!struck.has(hostOf(job))) return [];
    scope.backoffs.forget();
    return [clearSource(hostOf(job))];
  };
}

const hostOf = ({ url, media_url }: JobRow): string => new URL(media_url ?? url).hostname;
