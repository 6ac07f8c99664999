import type { RequestContext } from "../../context.ts";
import { ping } from "../../db/connection.ts";
import { countDue } from "../../db/job-queue.ts";
import { endedCountsQuery } from "../../db/retention-rows.ts";

/** Figures for the operator's monitoring, in Prometheus' text format. No query counts all rows. */
export async function renderMetrics(context: RequestContext): Promise<string> {
  const { db, clock, config, dispatchQueue } = context;
  const [bytes, ended, due, queue] = await Promise.all([
    ping(db),
    endedCountsQuery(db),
    countDue(db, clock(), config.maxBacklog),
    dispatchQueue.metrics().catch(() => null),
  ]);
  return [
    ...gauge("waterspout_database_bytes", "What the database takes", bytes === null ? [] : [["", bytes]]),
    ...gauge(
      "waterspout_jobs_stored",
      "Ended jobs that the database holds",
      ended.map(({ status, jobs }) => [`{status=${JSON.stringify(status)}}`, jobs]),
    ),
    ...gauge("waterspout_jobs_due", "Jobs that wait for a processor, at most MAX_BACKLOG", [["", due]]),
    ...gauge(
      "waterspout_dispatch_messages",
      "Messages in the dispatch queue",
      queue ? [["", queue.backlogCount]] : [],
    ),
    "",
  ].join("\n");
}

/** @param values by their labels */
const gauge = (name: string, help: string, values: readonly (readonly [string, number])[]): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} gauge`,
  ...values.map(([labels, value]) => `${name}${labels} ${value}`),
];
