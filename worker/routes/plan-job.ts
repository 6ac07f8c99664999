import { endpoints } from "../../schema/api/endpoints.ts";
import { keyFolder } from "../../schema/storage/object-key.ts";
import { prepareJob } from "../services/intake/prepare-job.ts";
import { folderOfRequest } from "../services/intake/storage-of-request.ts";
import { planSource } from "../services/sources/plan-source.ts";
import { ok, route } from "./route.ts";

export const planJob = route(endpoints.planJob, async ({ c, scope, body, sent, ignored }) => {
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
});
