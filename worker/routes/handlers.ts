import type { EndpointName } from "../../schema/api/endpoints.ts";
import { alive } from "./alive.ts";
import { cancelJob } from "./cancel-job.ts";
import { changeAccount } from "./change-account.ts";
import { createAccount } from "./create-account.ts";
import { createJob } from "./create-job.ts";
import { createKey } from "./create-key.ts";
import { deleteFile } from "./delete-file.ts";
import { docs } from "./docs.ts";
import { getJob } from "./get-job.ts";
import { isShort } from "./is-short.ts";
import { jobEvents } from "./job-events.ts";
import { listAccounts } from "./list-accounts.ts";
import { listJobs } from "./list-jobs.ts";
import { listKeys } from "./list-keys.ts";
import { metadata } from "./metadata.ts";
import { openapi } from "./openapi.ts";
import { planJob } from "./plan-job.ts";
import { ready } from "./ready.ts";
import { retryJob } from "./retry-job.ts";
import { revokeKey } from "./revoke-key.ts";
import type { Handler } from "./route.ts";

/** One handler for each endpoint: an endpoint without one does not compile. */
export const handlers: Record<EndpointName, Handler> = {
  alive,
  cancelJob,
  changeAccount,
  createAccount,
  createJob,
  createKey,
  deleteFile,
  docs,
  getJob,
  isShort,
  jobEvents,
  listAccounts,
  listJobs,
  listKeys,
  metadata,
  openapi,
  planJob,
  ready,
  retryJob,
  revokeKey,
};
