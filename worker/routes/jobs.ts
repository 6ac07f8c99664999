import { endpoints } from "../../schema/api/endpoints.ts";
import { keyFolder } from "../../schema/storage/object-key.ts";
import { sseResponse } from "../lib/sse.ts";
import { createJobs } from "../services/intake/create-jobs.ts";
import { prepareJob } from "../services/intake/prepare-job.ts";
import { retryJob } from "../services/intake/retry-job.ts";
import { folderOfRequest } from "../services/intake/storage-of-request.ts";
import { cancelJob } from "../services/jobs/cancel.ts";
import { deleteFile } from "../services/jobs/delete-file.ts";
import { listJobs } from "../services/jobs/list.ts";
import { readJob } from "../services/jobs/read.ts";
import { viewJobs } from "../services/jobs/view.ts";
import { watchJob } from "../services/jobs/watch.ts";
import { planSource } from "../services/sources/plan-source.ts";
import { lastEventId } from "./last-event-id.ts";
import { created, ok, route } from "./route.ts";

/** Handlers of the routes with the tag Jobs. */
export const jobsHandlers = {
  createJob: route(endpoints.createJob, async ({ c, scope, body, sent, ignored, resourceId }) => {
    const request = { id: resourceId, body, sent: sent as Record<string, unknown>, ignored };
    const { answer, facts } = await createJobs(scope, c.var.account, request);
    c.set("facts", facts);
    return created(answer);
  }),

  planJob: route(endpoints.planJob, async ({ c, scope, body, sent, ignored }) => {
    const { id, limits } = c.var.account;
    const members = sent as Record<string, unknown>;
    const prepared = prepareJob(scope.config, limits, body, members, ignored);
    const { url, plan, adjustments, request } = prepared;
    const { provider, ...folders } = await folderOfRequest(scope, id, body.storage);
    const source = await planSource(scope, prepared);
    return ok({
      url,
      plan,
      storage_provider: provider,
      folder: keyFolder({ ...folders, folder: request.folder }),
      filename: request.filename ?? null,
      ...source,
      adjustments: [...adjustments, ...source.adjustments],
    });
  }),

  listJobs: route(endpoints.listJobs, async ({ c, scope, query }) =>
    ok(await listJobs(scope, c.var.account.id, query)),
  ),

  getJob: route(endpoints.getJob, async ({ c, scope, params }) => {
    const [job] = await viewJobs(scope, [await readJob(scope, c.var.account.id, params.id)]);
    return ok(job);
  }),

  cancelJob: route(endpoints.cancelJob, async ({ c, scope, params }) => {
    await cancelJob(scope, c.var.account.id, params.id);
    return ok({ message: "Job cancelled successfully", job_id: params.id });
  }),

  retryJob: route(endpoints.retryJob, async ({ c, scope, params, body }) => {
    const job_id = await retryJob(scope, c.var.account, params.id, body.storage);
    return created({ job_id, original_job_id: params.id, message: "Job re-queued successfully" });
  }),

  deleteFile: route(endpoints.deleteFile, async ({ c, scope, params, body }) => {
    const deleted_key = await deleteFile(scope, c.var.account.id, params.id, body.storage);
    return ok({ message: "File deleted successfully", job_id: params.id, deleted_key });
  }),

  jobEvents: route(endpoints.jobEvents, async ({ c, scope, params }) => {
    const events = await watchJob(scope, c.var.account.id, params.id, lastEventId(c));
    return events ? sseResponse(events) : c.body(null, 204);
  }),
};
