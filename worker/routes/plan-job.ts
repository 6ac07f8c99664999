import { endpoints } from "../../schema/api/endpoints.ts";
import { DEFAULT_BASE_FOLDER } from "../../schema/api/storage.ts";
import { keyFolder } from "../../schema/object-key.ts";
import { planSource } from "../services/plan-source.ts";
import { prepareJob } from "../services/prepare-job.ts";
import { ok, route } from "./route.ts";

export const planJob = route(endpoints.planJob, async ({ c, scope, body, sent }) => {
  const prepared = prepareJob(scope.config, c.var.account.limits, body, sent as Record<string, unknown>);
  const { url, plan, adjustments, request } = prepared;
  const { storage } = body;
  const { base_folder = DEFAULT_BASE_FOLDER } = storage ?? {};
  const source = await planSource(scope, prepared);
  return ok({
    url,
    plan,
    storage_provider: storage?.provider ?? "s3",
    folder: keyFolder({ base_folder, folder_prefix: storage?.folder_prefix, folder: request.folder }),
    filename: request.filename ?? null,
    ...source,
    adjustments: [...adjustments, ...source.adjustments],
  });
});
