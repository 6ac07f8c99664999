import { ERASURE_PHASES, type ErasurePhase } from "../../../schema/api/operator/erasure.ts";
import type { RequestContext } from "../../context.ts";
import { findAccount } from "../../db/account-rows.ts";
import { ACCOUNT_TABLES, KEPT_TABLES } from "../../db/rights/account-tables.ts";
import {
  type ErasureRow,
  erasePage,
  feedsOfAccount,
  finishErasureOfAccount,
  pseudonymisePage,
  rowsLeft,
  takeDueErasures,
  unfinishedJobsQuery,
  unusedFeeds,
  updateErasure,
} from "../../db/rights/erasure-rows.ts";
import { eachPage, type PageBudget } from "../../lib/each-page.ts";
import { describeError } from "../../lib/log.ts";
import { auditRow } from "../accounts/audit.ts";
import { endByCancel } from "../jobs/cancel.ts";
import { eraseEndedJobs } from "./erase-jobs.ts";
import { eraseObjects } from "./erase-objects.ts";
import { ErasureDelayedError, type Step } from "./step.ts";

/**
 * Erases accounts, phase by phase. Each step removes rows and counts them in one transaction, and may be repeated: if
 * a process dies, the next run of reconcile goes on where it ended. Objects in storages are deleted before the rows that name them.
 */

/** Longer than a step takes, in milliseconds: the owner of an older claim is dead. */
const CLAIM_MS = 60_000;
/** Delay while runs are publishing or a storage fails, in milliseconds. */
const AGAIN_MS = 15_000;
const ERASURES = 3;
/** Rows that one statement removes. */
const ROWS = 500;
const JOBS = 20;
const FEEDS = 20;

/** Goes on with the erasures that are due. @returns how many steps were made */
export async function continueErasures(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, async () => {
    const now = context.clock();
    const taken = await takeDueErasures(context.db, now, now + CLAIM_MS, ERASURES);
    for (const erasure of taken) await work(context, erasure, budget);
    return { count: taken.length, more: taken.length === ERASURES };
  });
}

async function work(context: RequestContext, erasure: ErasureRow, budget: PageBudget): Promise<void> {
  let { phase } = erasure;
  try {
    while (phase !== "done") {
      const step = await PHASES[phase](context, { ...erasure, phase });
      const isOver = step === "done" && phase === "account";
      if (isOver) return;
      if (step === "done") phase = await goOn(context, erasure, phase);
      if (step === "wait" || budget.isSpent()) {
        const delay = step === "wait" ? AGAIN_MS : 0;
        await updateErasure(context.db, erasure.id, {
          work_due_at: context.clock() + delay,
          last_error: null,
        });
        return;
      }
    }
  } catch (error) {
    const last_error =
      error instanceof ErasureDelayedError ? error.message : describeError(error).slice(0, 300);
    context.log("erasure_failed", { erasure_id: erasure.id, phase, error: describeError(error) });
    await updateErasure(context.db, erasure.id, { work_due_at: context.clock() + CLAIM_MS, last_error });
  }
}

/** What arrived while the erasure was under way is erased by another round. */
async function goOn(
  context: RequestContext,
  { id, account_id }: ErasureRow,
  phase: ErasurePhase,
): Promise<ErasurePhase> {
  const next = ERASURE_PHASES[ERASURE_PHASES.indexOf(phase) + 1] ?? "done";
  const isComplete = next !== "account" || (await isNothingLeft(context, account_id ?? ""));
  const to = isComplete ? next : "subscriptions";
  await updateErasure(context.db, id, { phase: to });
  return to;
}

async function isNothingLeft(context: RequestContext, accountId: string): Promise<boolean> {
  const rows = await rowsLeft(context.db, accountId);
  return rows === 0 && (await unfinishedJobsQuery(context.db, accountId, 1)).length === 0;
}

type Phase = (context: RequestContext, erasure: ErasureRow) => Promise<Step>;

const PHASES: Readonly<Record<Exclude<ErasurePhase, "done">, Phase>> = {
  // the account was disabled, and the time until no isolate knows its keys any more is over
  closing: async () => "done",
  subscriptions: eraseSubscriptions,
  unfinished_jobs: endUnfinished,
  jobs: eraseEndedJobs,
  objects: eraseObjects,
  rows: eraseRows,
  account: finish,
};

/** The objects of sources learn that nobody follows them, and remove what they know. */
async function eraseSubscriptions(context: RequestContext, erasure: ErasureRow): Promise<Step> {
  const accountId = erasure.account_id ?? "";
  const followed = await feedsOfAccount(context.db, accountId);
  if ((await erasePage(context.db, erasure, "subscription_entries", ROWS)) === ROWS) return "more";
  if ((await erasePage(context.db, erasure, "subscriptions", ROWS)) === ROWS) return "more";
  const unused = await unusedFeeds(context.db, FEEDS);
  for (const id of new Set([...unused, ...followed])) await context.feeds.wake(id);
  return unused.length === 0 ? "done" : "more";
}

async function endUnfinished(context: RequestContext, erasure: ErasureRow): Promise<Step> {
  const { account_id } = erasure;
  // a list that is still being read adds no jobs after this
  if ((await erasePage(context.db, erasure, "batch_listings", ROWS)) === ROWS) return "more";
  const jobs = await unfinishedJobsQuery(context.db, account_id ?? "", JOBS);
  const ended: boolean[] = [];
  for (const job of jobs) ended.push(await endByCancel(context, job));
  if (jobs.length === 0) return "done";
  // a run that may publish ends soon, or its lease does
  return ended.some(Boolean) ? "more" : "wait";
}

async function eraseRows(context: RequestContext, erasure: ErasureRow): Promise<Step> {
  for (const name of Object.keys(ACCOUNT_TABLES) as (keyof typeof ACCOUNT_TABLES)[]) {
    if ((await erasePage(context.db, erasure, name, ROWS)) === ROWS) return "more";
  }
  for (const name of Object.keys(KEPT_TABLES) as (keyof typeof KEPT_TABLES)[]) {
    if ((await pseudonymisePage(context.db, erasure, name, ROWS)) === ROWS) return "more";
  }
  return "done";
}

async function finish(context: RequestContext, erasure: ErasureRow): Promise<Step> {
  const account = await findAccount(context.db, erasure.account_id ?? "");
  const by = { name: "operator", requestId: null };
  const audit = auditRow(context, by, { action: "account.erased", accountId: erasure.id });
  if (account) context.log("account_erased", { erasure_id: erasure.id });
  await finishErasureOfAccount(context.db, erasure, context.clock(), audit);
  return "done";
}
