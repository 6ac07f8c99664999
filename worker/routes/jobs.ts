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
  createJob: route(endpoints.createJob, async ({ c, context, body, sent, ignored, resourceId }) => {
    const request = { id: resourceId, body, sent: sent as Record<string, unknown>, ignored };
    const { response, facts } = await createJobs(context, c.var.account, request);
    c.set("facts", facts);
    return created(response);
  }),

  planJob: route(endpoints.planJob, async ({ c, context, body, sent, ignored }) => {
    const { id, limits } = c.var.account;
    const members = sent as Record<string, unknown>;
    const prepared = prepareJob(context.config, limits, body, members, ignored);
    const { url, plan, adjustments, request } = prepared;
    const { provider, ...folders } = await folderOfRequest(context, id, body.storage);
    const source = await planSource(context, { accountId: id, cookies: body.cookies }, prepared);
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

  listJobs: route(endpoints.listJobs, async ({ c, context, query }) =>
    ok(await listJobs(context, c.var.account, query)),
  ),

  getJob: route(endpoints.getJob, async ({ c, context, params }) => {
    const { id, source } = c.var.account;
    const [job] = await viewJobs(context, source, [await readJob(context, id, params.id)]);
    return ok(job);
  }),

  cancelJob: route(endpoints.cancelJob, async ({ c, context, params }) => {
    await cancelJob(context, c.var.account.id, params.id);
    return ok({ message: "Job cancelled successfully", job_id: params.id });
  }),

  retryJob: route(endpoints.retryJob, async ({ c, context, params, body }) => {
    const job_id = await retryJob(context, c.var.account, params.id, body.storage);
    return created({ job_id, original_job_id: params.id, message: "Job re-queued successfully" });
  }),

  deleteFile: route(endpoints.deleteFile, async ({ c, context, params, body }) => {
    const deleted_key = await deleteFile(context, c.var.account.id, params.id, body.storage);
    return ok({ message: "File deleted successfully", job_id: params.id, deleted_key });
  }),

  jobEvents: route(endpoints.jobEvents, async ({ c, context, params }) => {
    const events = await watchJob(context, c.var.account.id, params.id, lastEventId(c));
    return events ? sseResponse(events) : c.body(null, 204);
  }),
};
