import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/intake/create-bulk.ts";
import { created, route } from "./route.ts";

export const createBulk = route(
  endpoints.createBulk,
  async ({ c, scope, body, sent, ignored, resourceId }) => {
    const request = { id: resourceId, body, sent: sent as Record<string, unknown>, ignored };
    const { answer, facts } = await service.createBulk(scope, c.var.account, request);
    c.set("facts", facts);
    return created(answer);
  },
);
