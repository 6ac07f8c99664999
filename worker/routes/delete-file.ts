import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/jobs/delete-file.ts";
import { ok, route } from "./route.ts";

export const deleteFile = route(endpoints.deleteFile, async ({ c, scope, params, body }) => {
  const deleted_key = await service.deleteFile(scope, c.var.account.id, params.id, body.storage);
  return ok({ message: "File deleted successfully", job_id: params.id, deleted_key });
});
