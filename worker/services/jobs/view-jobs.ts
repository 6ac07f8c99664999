import type { Job } from "../../../schema/api/job.ts";
import { isFinal } from "../../../schema/states.ts";
import type { Scope } from "../../context.ts";
import { deliveriesOfJobsQuery } from "../../db/delivery-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { viewJob } from "./view.ts";

/** Jobs as their owner sees them, with how their notices fared. */
export async function viewJobs(scope: Scope, rows: readonly JobRow[]): Promise<Job[]> {
  const told = rows.filter(({ request, status }) => request.webhook_url !== undefined && isFinal(status));
  const ids = told.map(({ id }) => id);
  const deliveries = ids.length === 0 ? [] : await deliveriesOfJobsQuery(scope.db, ids);
  const byJob = new Map(deliveries.map((delivery) => [delivery.job_id, delivery]));
  return Promise.all(
    rows.map(async (row): Promise<Job> => {
      const job = await viewJob(scope, row);
      if (row.request.webhook_url === undefined) return job;
      const delivery = byJob.get(row.id);
      if (!delivery) return { ...job, webhook_status: "pending" };
      return {
        ...job,
        webhook_status: delivery.status,
        webhook_attempts: delivery.tries,
        webhook_last_error: delivery.last_error,
        webhook_response_time_ms: delivery.last_response_ms,
      };
    }),
  );
}
