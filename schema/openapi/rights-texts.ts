import { KEPT_BECAUSE } from "../api/operator/erasure.ts";
import { ACCOUNT_ID, JOB_ID } from "./example-objects.ts";

/** What the documentation says about denials, takedowns and erasures, see `operation-texts.ts`. */

const ID = "01932c82-7777-7c3e-9d41-0b6a2f8e5c17";
const ERASURE_ID = "01932c83-8888-7c3e-9d41-0b6a2f8e5c17";
const AT = 1795392000000;

const DENIAL = {
  ...{ id: ID, kind: "url", value: "https://www.youtube.com/watch?v=aqz-KE-bpKQ", reason: "copyright" },
  ...{ note: "Letter of 24 November", reference: "TD-2026-0117", created_at: AT, takedown: null },
};
const TAKEN_DOWN = {
  ...DENIAL,
  takedown: {
    ...{ status: "finished", requested_at: AT, scanned_at: AT + 2_000, finished_at: AT + 9_000 },
    jobs: { matched: 4, waiting: 0, stopped: 1, deleted: 2, without_file: 0, kept: 1 },
    objects_deleted: 5,
  },
};
const ERASURE = {
  ...{ id: ERASURE_ID, status: "finished", phase: "done", account_id: null, own_storage: false },
  erased: [
    { kind: "objects", count: 212 },
    { kind: "jobs", count: 208 },
    { kind: "api_keys", count: 2 },
    { kind: "accounts", count: 1 },
  ],
  kept: [{ kind: "usage_months", count: 3, why: KEPT_BECAUSE.usage_months }],
  ...{ last_error: null, requested_at: AT, finished_at: AT + 240_000 },
};

export const RIGHTS_TEXTS = {
  createDenial: {
    description:
      "From now on the source is refused with status 451 and the code `denied`: by `POST /jobs`, plans, `/metadata`, subscriptions and retries. Entries of batches and subscriptions end as denied, and the others go on. Jobs that were accepted before end when they would run, when their run finds out whose media it is, or when it would publish. All forms of an address are the same; send it without parameters that do not select the media.",
    request: {
      ...{ kind: "url", value: DENIAL.value, reason: "copyright", reference: DENIAL.reference },
      takedown: true,
    },
    response: DENIAL,
  },
  listDenials: {
    description: "With the progress of their takedowns.",
    query: { limit: "20" },
    response: { denied: [DENIAL], next_cursor: null },
  },
  getDenial: {
    description: "The numbers of a takedown grow until its `status` is `finished`.",
    response: TAKEN_DOWN,
  },
  removeDenial: {
    description: "Files that were deleted stay deleted, and jobs that ended stay ended; they can be retried.",
    response: { message: "Denial removed", id: ID },
  },
  takeDown: {
    description:
      "Continues after the response, and after any restart. Running and waiting jobs end as `denied`; delivered files are deleted from the managed bucket and from storages of accounts. Files in storage that came with a job cannot be deleted, because its credentials were erased: they are reported here and to their owners by the webhook event `job_denied`. Sending it again changes nothing.",
    response: TAKEN_DOWN,
  },
  listTakedownJobs: {
    description: "Those with the state `kept` still have their file, and `reason` says why.",
    query: { state: "kept" },
    response: {
      jobs: [
        {
          ...{ job_id: JOB_ID, account_id: ACCOUNT_ID, state: "kept", reason: "inline_storage" },
          ...{ explanation: "The credentials came with the job", objects_deleted: 0, updated_at: AT },
        },
      ],
      next_cursor: null,
    },
  },
  eraseAccount: {
    description:
      "The account is closed at once and erased in the next minutes, also across restarts of the service: jobs, files in the managed bucket, keys, webhooks, storage credentials, cookies, subscriptions, batches, archive and usage of keys. Jobs and bytes by month and the audit log stay under the id of the erasure, without the account's. Sending it again returns the same erasure.",
    query: { own_storage: "false" },
    response: { ...ERASURE, status: "running", phase: "closing", account_id: ACCOUNT_ID, finished_at: null },
  },
  listErasures: {
    description: "The receipts of all accounts that were erased.",
    query: { limit: "20" },
    response: { erasures: [ERASURE], next_cursor: null },
  },
  getErasure: {
    description: "At the end it is the receipt: what was erased, what was kept and why, and when.",
    response: ERASURE,
  },
};
