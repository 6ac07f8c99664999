import type { EndpointName } from "../../schema/api/endpoints.ts";
import { alive } from "./alive.ts";
import { cancelJob } from "./cancel-job.ts";
import { changeAccount } from "./change-account.ts";
import { createAccount } from "./create-account.ts";
import { createJob } from "./create-job.ts";
import { createKey } from "./create-key.ts";
import { dashboardBatches } from "./dashboard-batches.ts";
import { dashboardCluster } from "./dashboard-cluster.ts";
import { dashboardDaily } from "./dashboard-daily.ts";
import { dashboardJobs } from "./dashboard-jobs.ts";
import { dashboardStats } from "./dashboard-stats.ts";
import { deleteFile } from "./delete-file.ts";
import { docs } from "./docs.ts";
import { getJob } from "./get-job.ts";
import { getSlack } from "./get-slack.ts";
import { getUsage } from "./get-usage.ts";
import { getWebhookSecret } from "./get-webhook-secret.ts";
import { isShort } from "./is-short.ts";
import { jobEvents } from "./job-events.ts";
import { listAccounts } from "./list-accounts.ts";
import { listDeliveries } from "./list-deliveries.ts";
import { listJobs } from "./list-jobs.ts";
import { listKeys } from "./list-keys.ts";
import { listWebhooks } from "./list-webhooks.ts";
import { metadata } from "./metadata.ts";
import { openapi } from "./openapi.ts";
import { planJob } from "./plan-job.ts";
import { ready } from "./ready.ts";
import { removeSlack } from "./remove-slack.ts";
import { replayDelivery } from "./replay-delivery.ts";
import { retryJob } from "./retry-job.ts";
import { revokeKey } from "./revoke-key.ts";
import { rotateWebhookSecret } from "./rotate-webhook-secret.ts";
import type { Handler } from "./route.ts";
import { saveSlack } from "./save-slack.ts";
import { storageHandlers } from "./user-storage.ts";

/** One handler for each endpoint: an endpoint without one does not compile. */
export const handlers: Record<EndpointName, Handler> = {
  ...storageHandlers,
  alive,
  cancelJob,
  changeAccount,
  createAccount,
  createJob,
  createKey,
  dashboardBatches,
  dashboardCluster,
  dashboardDaily,
  dashboardJobs,
  dashboardStats,
  deleteFile,
  docs,
  getJob,
  getSlack,
  getUsage,
  getWebhookSecret,
  isShort,
  jobEvents,
  listAccounts,
  listDeliveries,
  listJobs,
  listKeys,
  listWebhooks,
  metadata,
  openapi,
  planJob,
  ready,
  removeSlack,
  replayDelivery,
  retryJob,
  revokeKey,
  rotateWebhookSecret,
  saveSlack,
};
