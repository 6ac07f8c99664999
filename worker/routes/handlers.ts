import type { EndpointName } from "../../schema/api/endpoints.ts";
import { alive } from "./alive.ts";
import { batchEvents } from "./batch-events.ts";
import { cancelBatch } from "./cancel-batch.ts";
import { cancelJob } from "./cancel-job.ts";
import { changeAccount } from "./change-account.ts";
import { createAccount } from "./create-account.ts";
import { createBulk } from "./create-bulk.ts";
import { createJob } from "./create-job.ts";
import { createKey } from "./create-key.ts";
import { dashboardBatches } from "./dashboard-batches.ts";
import { dashboardCluster } from "./dashboard-cluster.ts";
import { dashboardDaily } from "./dashboard-daily.ts";
import { dashboardJobs } from "./dashboard-jobs.ts";
import { dashboardStats } from "./dashboard-stats.ts";
import { deleteFile } from "./delete-file.ts";
import { docs } from "./docs.ts";
import { getAccount } from "./get-account.ts";
import { getAccountUsage } from "./get-account-usage.ts";
import { getBatch } from "./get-batch.ts";
import { getJob } from "./get-job.ts";
import { getKeyUsage } from "./get-key-usage.ts";
import { getSlack } from "./get-slack.ts";
import { getUsage } from "./get-usage.ts";
import { getWebhookSecret } from "./get-webhook-secret.ts";
import { isShort } from "./is-short.ts";
import { jobEvents } from "./job-events.ts";
import { listAccounts } from "./list-accounts.ts";
import { listAudit } from "./list-audit.ts";
import { listDeliveries } from "./list-deliveries.ts";
import { listJobs } from "./list-jobs.ts";
import { listKeys } from "./list-keys.ts";
import { listWebhooks } from "./list-webhooks.ts";
import { metadata } from "./metadata.ts";
import { openapi } from "./openapi.ts";
import { planJob } from "./plan-job.ts";
import { ready } from "./ready.ts";
import { removeSlack } from "./remove-slack.ts";
import { renameJobs } from "./rename-jobs.ts";
import { replayDelivery } from "./replay-delivery.ts";
import { reseal } from "./reseal.ts";
import { retryJob } from "./retry-job.ts";
import { revokeKey } from "./revoke-key.ts";
import { rollKey } from "./roll-key.ts";
import { rotateWebhookSecret } from "./rotate-webhook-secret.ts";
import type { Handler } from "./route.ts";
import { saveSlack } from "./save-slack.ts";
import { startBatch } from "./start-batch.ts";
import { storageHandlers } from "./user-storage.ts";

/** One handler for each endpoint: an endpoint without one does not compile. */
export const handlers: Record<EndpointName, Handler> = {
  ...storageHandlers,
  alive,
  batchEvents,
  cancelBatch,
  cancelJob,
  changeAccount,
  createAccount,
  createBulk,
  createJob,
  createKey,
  dashboardBatches,
  dashboardCluster,
  dashboardDaily,
  dashboardJobs,
  dashboardStats,
  deleteFile,
  docs,
  getBatch,
  getAccount,
  getAccountUsage,
  getJob,
  getKeyUsage,
  getSlack,
  getUsage,
  getWebhookSecret,
  isShort,
  jobEvents,
  listAccounts,
  listAudit,
  listDeliveries,
  listJobs,
  listKeys,
  listWebhooks,
  metadata,
  openapi,
  planJob,
  ready,
  removeSlack,
  renameJobs,
  replayDelivery,
  reseal,
  retryJob,
  revokeKey,
  rollKey,
  rotateWebhookSecret,
  saveSlack,
  startBatch,
};
