import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../routes/route.ts";
import { setHeaders } from "./set-headers.ts";

/** Name of the object that a plan at RapidAPI may count: one for each job that a call creates. */
const UNIT = "Jobs";

/** The members of responses that name the jobs they created. */
interface Created {
  readonly cached?: true;
  readonly job_id?: string;
  readonly job_ids?: readonly string[];
  readonly episode_jobs?: readonly string[];
  readonly video_jobs?: readonly string[];
}

/**
 * Reports to RapidAPI's gateway how many jobs a call created: calls that only read cost nothing, and a list costs one unit for
 * each of its entries. Without the header, the gateway counts one unit for each call.
 *
 * @see https://docs.rapidapi.com/docs/custom-quotas
 */
export const gatewayBilling = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (c.req.header("x-rapidapi-proxy-secret") === undefined) return;
  const created = c.res.status === 201 && c.req.path.startsWith("/jobs") ? await c.res.clone().json() : {};
  setHeaders(c, { "x-rapidapi-billing": `${UNIT}=${countJobs(created as Created)}` });
});

function countJobs({ cached, job_id, job_ids, episode_jobs, video_jobs }: Created): number {
  if (cached) return 0;
  const lists = [job_ids, episode_jobs, video_jobs].map((ids) => ids?.length ?? 0);
  return lists.reduce((sum, count) => sum + count, job_id === undefined ? 0 : 1);
}
