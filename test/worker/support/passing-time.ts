import type { RunRequest } from "../../../schema/wire/run.ts";
import { dispatchJob } from "../../../worker/services/runs/dispatcher.ts";
import { env } from "./env.ts";
import type { Harness } from "./harness.ts";

/**
 * Lets time pass from one due job to the next, hands the due ones over, and ends each run as the test says, until no
 * job of the account is left unfinished.
 *
 * @param outcomeOf content of the report that ends a run
 */
export async function passTime(
  worker: Harness,
  accountId: string,
  outcomeOf: (run: RunRequest) => object,
): Promise<void> {
  let reported = worker.network.runs.length;
  for (;;) {
    for (; reported < worker.network.runs.length; reported++) {
      const run = worker.network.runs[reported];
      if (run) await worker.report(run, "outcome", outcomeOf(run));
    }
    worker.dispatchQueue.splice(0);
    const { results } = await env.DB.prepare(
      "select id, due_at from jobs where account_id = ? and status = 'Pending' order by due_at limit 1",
    )
      .bind(accountId)
      .all<{ id: string; due_at: number }>();
    const [first] = results;
    if (!first) return;
    worker.now = Math.max(worker.now, first.due_at);
    await dispatchJob(worker.context(), first.id);
  }
}
