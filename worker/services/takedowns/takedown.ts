import type { RequestContext } from "../../context.ts";
import {
  type DenialRow,
  findDenial,
  takeDueDenials,
  termsOfDenial,
  updateDenial,
} from "../../db/rights/denial-rows.ts";
import {
  candidatesAfter,
  dueTakedownJobs,
  finishTakedown,
  matchedAmong,
  nextTakedownJob,
  noteMatches,
} from "../../db/rights/takedown-rows.ts";
import { eachPage, type PageBudget } from "../../lib/each-page.ts";
import { describeError } from "../../lib/log.ts";
import { auditRow } from "../accounts/audit.ts";
import { marksOfJob } from "../rights/marks-of-job.ts";
import { cluesOf } from "./clues.ts";
import { dealWithJob } from "./deal-with-job.ts";
import { identify } from "./identify.ts";
import { viewTakedown } from "./view.ts";

/**
 * Takedowns: all stored jobs are compared with a denial, page by page, and those that match are dealt with. Every step is
 * stored before the next one, so if a process dies, the next run of reconcile goes on where it ended.
 */

/** Longer than a step takes, in milliseconds: the owner of an older claim is dead. */
const CLAIM_MS = 60_000;
const DENIALS = 5;
/** Jobs that are compared with one query. */
const WINDOW = 1_000;
/** Matched jobs that are dealt with between two looks at the budget. */
const JOBS = 10;

/** Goes on with the denials that are due. @returns how many steps were made */
export async function continueTakedowns(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, async () => {
    const now = context.clock();
    const taken = await takeDueDenials(context.db, { now, until: now + CLAIM_MS, limit: DENIALS });
    for (const denial of taken) await work(context, denial, budget);
    return { count: taken.length, more: taken.length === DENIALS };
  });
}

/** Calls of the database that the work after a request may spend: the rest is reconcile's. */
const CALLS_AFTER_REQUEST = 150;

/** Begins with a denial right after the request that created it. */
export async function beginWork(context: RequestContext, id: string): Promise<void> {
  const now = context.clock();
  const [denial] = await takeDueDenials(context.db, { now, until: now + CLAIM_MS, limit: 1, id });
  const limit = context.connection.calls + CALLS_AFTER_REQUEST;
  if (denial) await work(context, denial, { isSpent: () => context.connection.calls >= limit });
}

async function work(context: RequestContext, taken: DenialRow, budget: PageBudget): Promise<void> {
  let next: number | null = context.clock() + CLAIM_MS;
  try {
    // jobs stop first: the source may take a while to answer
    next = await takeDown(context, taken, budget);
    const { isLearned, again } = await identify(context, taken);
    const known = isLearned ? await findDenial(context.db, taken.id) : undefined;
    next = earliest(known ? await takeDown(context, known, budget) : next, again);
  } catch (error) {
    context.log("takedown_failed", { denial_id: taken.id, error: describeError(error) });
  }
  await updateDenial(context.db, taken.id, { work_due_at: next });
}

const earliest = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other);

/** @returns when there is more to do; null at the end */
async function takeDown(
  context: RequestContext,
  denial: DenialRow,
  budget: PageBudget,
): Promise<number | null> {
  if (denial.takedown_at === null) return null;
  const scanned = denial.scanned_at !== null || (await scan(context, denial, budget));
  while (!budget.isSpent()) {
    const due = await dueTakedownJobs(context.db, denial.id, context.clock(), JOBS);
    for (const row of due) await dealWithJob(context, denial, row);
    if (due.length < JOBS) break;
  }
  if (!scanned) return context.clock();
  const next = await nextTakedownJob(context.db, denial.id);
  if (next !== null) return next;
  await finish(context, denial);
  return null;
}

/** Compares jobs with the denial. @returns whether all were compared */
async function scan(context: RequestContext, denial: DenialRow, budget: PageBudget): Promise<boolean> {
  const terms = new Set(await termsOfDenial(context.db, denial.id));
  const clues = cluesOf(denial, [...terms]);
  for (let at = denial; !budget.isSpent(); ) {
    const { candidates, last, isLast } = await candidatesAfter(context.db, at, clues, WINDOW);
    const matched = await matchedAmong(
      context.db,
      denial.id,
      candidates.flatMap(({ details }) => details?.copied_from ?? []),
    );
    const found: string[] = [];
    for (const job of candidates) {
      const isCopy = job.details?.copied_from !== undefined && matched.has(job.details.copied_from);
      if (isCopy || (await marksOfJob(context, job)).some((mark) => terms.has(mark))) found.push(job.id);
    }
    const now = context.clock();
    const page = { scanned_until: last ?? at.scanned_until, scanned_at: isLast ? now : null, now };
    await noteMatches(context.db, at, found, page);
    if (isLast) return true;
    at = { ...at, scanned_until: page.scanned_until };
  }
  return false;
}

async function finish(context: RequestContext, denial: DenialRow): Promise<void> {
  const takedown = await viewTakedown(context, { ...denial, scanned_at: context.clock() });
  const { jobs = {}, objects_deleted = 0 } = takedown ?? {};
  const by = { name: "operator", requestId: null };
  const audit = auditRow(context, by, {
    ...{ action: "denied.takedown_finished", accountId: null, subject: denial.id },
    detail: { ...jobs, objects_deleted },
  });
  await finishTakedown(context.db, denial.id, context.clock(), audit);
}
