import type { EndpointName } from "../../schema/api/endpoints.ts";
import { accountHandlers } from "./account.ts";
import { batchesHandlers } from "./batches.ts";
import { cookiesHandlers } from "./cookies.ts";
import { dashboardHandlers } from "./dashboard.ts";
import { jobsHandlers } from "./jobs.ts";
import { mediaHandlers } from "./media.ts";
import { operatorHandlers } from "./operator.ts";
import type { Handler } from "./route.ts";
import { serviceHandlers } from "./service.ts";
import { storageHandlers } from "./storage.ts";
import { subscriptionsHandlers } from "./subscriptions.ts";
import { webhooksHandlers } from "./webhooks.ts";

/** One handler for each endpoint: an endpoint without one does not compile. */
export const handlers: Record<EndpointName, Handler> = {
  ...accountHandlers,
  ...batchesHandlers,
  ...cookiesHandlers,
  ...dashboardHandlers,
  ...jobsHandlers,
  ...mediaHandlers,
  ...operatorHandlers,
  ...serviceHandlers,
  ...storageHandlers,
  ...subscriptionsHandlers,
  ...webhooksHandlers,
};
