import type { EndpointName } from "../api/endpoints.ts";
import {
  ACCOUNT,
  ACCOUNT_ID,
  BATCH,
  BATCH_ID,
  BATCH_PROGRESS,
  BLOB,
  COOKIES,
  COOKIES_TXT,
  DELIVERY,
  EXIT,
  GCS,
  GDRIVE,
  JOB,
  JOB_ID,
  KEY,
  KEY_ID,
  KEY_USAGE,
  OSS,
  S3,
  SECOND_JOB_ID,
  saved,
  shown,
  TALK,
  USAGE,
  WEBHOOK_SECRET,
} from "./example-objects.ts";
import { RIGHTS_TEXTS } from "./rights-texts.ts";
import { SUBSCRIPTION_TEXTS } from "./subscription-texts.ts";

/** What the documentation says about an operation in addition to its summary, and what its example shows. */
export interface OperationText {
  /** Markdown: what it does, what a caller must know, in a few sentences. */
  readonly description: string;
  /** Members of the example's request body. */
  readonly request?: object;
  /** Query parameters of the example. */
  readonly query?: Readonly<Record<string, string>>;
  /** Members of the example's response that matter; the schema gives the others. */
  readonly response?: unknown;
}

const SET =
  "A small object is written below your prefix and deleted again before anything is stored. If that fails, the response says what the storage refused. From then on, all jobs of the account that send no `storage` of their own deliver here. The credentials are encrypted and never shown again.";
const SHOW = "Shows where the account's jobs deliver to. Credentials are masked.";
const REMOVE =
  "Jobs that are accepted from now on deliver to the managed bucket. Files that were delivered stay where they are, and their links can no longer be made.";
const SET_COOKIES =
  "Takes what a browser exports: `cookies.txt` or the JSON of an extension. Only cookies of the site are kept, and they are encrypted. A job sends them after the site refused a visitor without a session, unless its request says otherwise (`cookies`). What the site changes is stored. If the site refuses them twice in a row, they are `stale` until you replace them, and a `cookies_stale` event says so.";
const REMOVE_COOKIES = "Jobs that run at present keep the cookies until they end.";
const FORMER = "Same as `/user/s3`, under the name that the hosted API used first. ";

/** Texts and examples by operation. A test demands one for each. */
export const OPERATION_TEXTS: Readonly<Partial<Record<EndpointName, OperationText>>> = {
  createJob: {
    description:
      "Only `url` is required. The job is stored before the response is sent, and starts as soon as a processor has a free slot.\n\nA request is corrected rather than refused: what does not fit together, such as H.264 in WebM, is changed and reported in `adjustments`. If the URL is a show, or a list with `batch: true`, the response is a batch with one job for each entry.\n\nSend `x-idempotency-key` to make the request repeatable.",
    request: { url: TALK, max_resolution: "1080", folder: "talks" },
    response: { job_id: JOB_ID },
  },
  planJob: {
    description:
      "Takes the same body as `POST /jobs` and reports what a job would do: the plan, the corrections, the streams that it would use and their size. The source is asked for at most 20 seconds.",
    request: { url: TALK, format: "webm", video_codec: "h264" },
    response: {
      url: TALK,
      plan: { format: "webm", video_codec: "vp9", audio_codec: "opus" },
      adjustments: [{ field: "video_codec", from: "h264", to: "vp9", reason: "webm holds VP8, VP9 or AV1" }],
      storage_provider: "s3",
      folder: "videos",
      title: "A talk",
      duration: 612.4,
      estimated_size: 48_211_092,
      audio_languages: ["en"],
    },
  },
  metadata: {
    description:
      "Asks the source for its title, its duration and its streams. The source is asked for at most 20 seconds. A job for the same URL within a minute reuses the result if it runs on the same processor.",
    request: { url: TALK },
    response: { title: "A talk", duration: 612.4, width: 1920, height: 1080, is_live: false },
  },
  isShort: {
    description: "Short-form videos are vertical. The source is asked for at most 20 seconds.",
    request: { url: TALK },
    response: { is_short: false, video_type: "video", width: 1920, height: 1080, aspect_ratio: 0.5625 },
  },
  listJobs: {
    description:
      "Pages by `next_cursor`, which stays correct while jobs are added; `offset` is kept for clients of the hosted API. Numbers out of range are clamped. `search` looks for words in titles, URLs and names, from the newest job to the oldest: follow `next_cursor` until it is null, also over pages without jobs.",
    query: { status: "completed", limit: "5" },
    response: { jobs: [JOB], total: 1, limit: 5, offset: 0 },
  },
  getJob: {
    description:
      "The job with its links, which are signed at each read and valid for 24 hours. Values that are not known yet are `null`. The fields of the request are echoed.",
    response: JOB,
  },
  cancelJob: {
    description:
      "Nothing is published after the response. A job that has ended, or is being published at this moment, cannot be cancelled and is reported as `not_found`.",
    response: { message: "Job cancelled successfully", job_id: JOB_ID },
  },
  retryJob: {
    description:
      "Creates a new job with the same request. Storage that came with the first job must be sent again, because its credentials were erased when that job ended.",
    response: { job_id: SECOND_JOB_ID, original_job_id: JOB_ID, message: "Job created for retry" },
  },
  deleteFile: {
    description:
      "Deletes the file, its subtitles and its thumbnail from the storage. The job remains. If the file was delivered to storage that came with the job, send that `storage` again.",
    response: {
      message: "File deleted successfully",
      job_id: JOB_ID,
      deleted_key: "local/videos/talks/talk.mp4",
    },
  },
  jobEvents: {
    description:
      "A stream of Server-Sent Events. The first event has the current state, so nothing is missed between creating a job and following it. A comment every 15 seconds keeps proxies from closing the connection. Send `Last-Event-ID` to resume.",
    response: {
      job_id: JOB_ID,
      status: "Processing",
      step: "Downloading",
      progress: 42,
      download_speed_mbps: 31.5,
    },
  },
  ...SUBSCRIPTION_TEXTS,
  ...RIGHTS_TEXTS,
  createBulk: {
    description:
      "All jobs are accepted or none. They share the options next to `jobs`; each may have its own `filename`. At most `BATCH_WINDOW` of them run at the same time.",
    request: {
      jobs: [{ url: TALK, filename: "first" }, { url: "https://example.com/panel.mp4" }],
      folder: "talks",
    },
    response: { batch_id: BATCH_ID, total_jobs: 2, paused: false, job_ids: [JOB_ID, SECOND_JOB_ID] },
  },
  getBatch: {
    description:
      "`completed` means that every job completed. `finished` means that the batch is over and some jobs failed or were skipped.",
    response: BATCH,
  },
  renameJobs: {
    description:
      "Works until the batch is started. Each rename succeeds or fails on its own; `errors` has a sentence for each one that failed.",
    request: { renames: [{ job_id: JOB_ID, filename: "01 - Opening" }] },
    response: { updated: 1, errors: [] },
  },
  startBatch: {
    description: "Releases the jobs of a batch that was created with `paused: true`.",
    response: { batch_id: BATCH_ID, started_jobs: 2, status: "processing" },
  },
  cancelBatch: {
    description: "Jobs that have ended keep their files. A job that is being published still completes.",
    response: { batch_id: BATCH_ID, cancelled_jobs: 1, status: "finished" },
  },
  batchEvents: {
    description:
      "A stream of Server-Sent Events for the whole batch: `job` for each job that ends, `progress` with the counters, and `status` at the end. Send `Last-Event-ID` to resume.",
    response: BATCH_PROGRESS,
  },
  listDeliveries: {
    description:
      "Each entry is one event for one endpoint, with the number of attempts and the last response. Use it to find out why an event did not arrive.",
    query: { status: "failed" },
    response: { deliveries: [{ ...DELIVERY, status: "failed", last_status: 500, delivered_at: null }] },
  },
  getDelivery: {
    description: "The entry of the log, and the event exactly as it was last sent.",
    response: DELIVERY,
  },
  replayDelivery: {
    description:
      "Creates a new delivery of the same event. A receiver that has already processed it recognises the `webhook-id`. A successful replay enables a disabled endpoint again.",
    response: { ...DELIVERY, status: "pending", attempts: 0, replay_of: DELIVERY.id },
  },
  listWebhooks: {
    description:
      "Health of each address that events were sent to. A disabled endpoint receives nothing until a replay succeeds.",
    response: { endpoints: [{ url: "https://example.com/hooks/waterspout", enabled: true }] },
  },
  getWebhookSecret: {
    description: "The secret of the account. It is created at the first call.",
    response: WEBHOOK_SECRET,
  },
  rotateWebhookSecret: {
    description:
      "Events are signed with the new secret from now on. For 24 hours they carry a second signature with the former one, so a receiver can change over without losing events.",
    response: WEBHOOK_SECRET,
  },
  getSlack: {
    description: "The address is masked, because anyone who knows it can post to the channel.",
    response: { configured: true, webhook_url: "https://hooks.slack.com/****", notify_level: "errors_only" },
  },
  saveSlack: {
    description:
      "Takes an incoming webhook of Slack, or of any service that accepts the same JSON. Messages arrive within a minute.",
    request: {
      webhook_url: "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
      notify_level: "errors_only",
    },
    response: { message: "Slack configured successfully", configured: true, notify_level: "errors_only" },
  },
  removeSlack: {
    description: "No more messages are sent, not even those that are waiting.",
    response: { message: "Slack removed successfully" },
  },
  getUsage: {
    description:
      "Exact at any time. Unfinished jobs count with the share of the quota that they reserve. Limits are included if the account has them.",
    query: { period: "2026-11" },
    response: USAGE,
  },
  getKeyUsage: {
    description: "Which key used how much, so that an application or a team can be charged.",
    query: { period: "2026-11" },
    response: { period: "2026-11", keys: [KEY_USAGE] },
  },
  setS3Storage: {
    description: `Amazon S3 and everything with its interface: R2, B2, MinIO, Ceph, Wasabi, Spaces. ${SET}`,
    request: S3,
    response: saved("s3", "my-media", "S3 storage configured successfully"),
  },
  getS3Storage: { description: SHOW, response: shown("s3", "my-media", S3.endpoint) },
  removeS3Storage: { description: REMOVE, response: { message: "Storage configuration removed" } },
  setBucket: {
    description: FORMER + SET,
    request: S3,
    response: saved("s3", "my-media", "S3 storage configured successfully"),
  },
  getBucket: { description: FORMER + SHOW, response: shown("s3", "my-media", S3.endpoint) },
  removeBucket: { description: FORMER + REMOVE, response: { message: "Storage configuration removed" } },
  setBlobStorage: {
    description: `Azure Blob Storage, with an account key or a SAS token. ${SET}`,
    request: BLOB,
    response: saved("blob", "media", "Azure Blob Storage configured successfully"),
  },
  getBlobStorage: { description: SHOW, response: shown("blob", "media", null) },
  removeBlobStorage: { description: REMOVE, response: { message: "Storage configuration removed" } },
  setGcsStorage: {
    description: `Google Cloud Storage, with the key of a service account. ${SET}`,
    request: GCS,
    response: saved("gcs", "my-media", "GCS storage configured successfully"),
  },
  getGcsStorage: { description: SHOW, response: shown("gcs", "my-media", null) },
  removeGcsStorage: { description: REMOVE, response: { message: "Storage configuration removed" } },
  setOssStorage: {
    description: `Alibaba Cloud OSS. ${SET}`,
    request: OSS,
    response: saved("oss", "my-media", "OSS storage configured successfully"),
  },
  getOssStorage: { description: SHOW, response: shown("oss", "my-media", OSS.endpoint) },
  removeOssStorage: { description: REMOVE, response: { message: "Storage configuration removed" } },
  setGdriveStorage: {
    description: `A folder of Google Drive, with the key of a service account that may write there. ${SET}`,
    request: GDRIVE,
    response: saved("gdrive", GDRIVE.folder_id, "Google Drive configured successfully"),
  },
  getGdriveStorage: { description: SHOW, response: shown("gdrive", GDRIVE.folder_id, null) },
  removeGdriveStorage: { description: REMOVE, response: { message: "Storage configuration removed" } },
  testStorage: {
    description:
      "The same test as when the storage was set: use it after a change of a policy, of a key or of the bucket.",
    response: {},
  },
  listCookies: {
    description: "Shows sites and states; a cookie is never shown again once it is stored.",
    response: { cookies: [COOKIES] },
  },
  setCookies: {
    description: `${SET_COOKIES} They serve the account's jobs only, and go before the operator's.`,
    request: { cookies: COOKIES_TXT },
    response: { message: "Cookies for youtube.com saved", site: "youtube.com", cookies: 1, exit: null },
  },
  removeCookies: {
    description: REMOVE_COOKIES,
    response: { message: "Cookies for youtube.com removed" },
  },
  listOperatorCookies: {
    description: "Shows sites and states; a cookie is never shown again once it is stored.",
    response: { cookies: [COOKIES] },
  },
  setOperatorCookies: {
    description: `${SET_COOKIES} They serve every account that stored none for the site, so every caller may fetch what the session may see.`,
    request: { cookies: COOKIES_TXT },
    response: { message: "Cookies for youtube.com saved", site: "youtube.com", cookies: 1, exit: null },
  },
  removeOperatorCookies: {
    description: REMOVE_COOKIES,
    response: { message: "Cookies for youtube.com removed" },
  },
  createAccount: {
    description:
      "An account owns keys, jobs, storage and webhooks. `storage_prefix` is its folder in the managed bucket and cannot be changed later. Limits that are left out do not apply.",
    request: { name: "newsroom", limits: { max_concurrent_jobs: 10, max_resolution: 1080 } },
    response: ACCOUNT,
  },
  listAccounts: {
    description: "Pages by `next_cursor`.",
    query: { limit: "20" },
    response: { accounts: [ACCOUNT] },
  },
  getAccount: { description: "The account with its limits.", response: ACCOUNT },
  changeAccount: {
    description:
      "Only the members that are sent change, and of `limits` only those. The keys of a disabled account are refused within 60 seconds, and its running jobs finish.",
    request: { disabled: true },
    response: { ...ACCOUNT, disabled: true },
  },
  getAccountUsage: {
    description: "The same figures as `GET /usage` and `GET /usage/keys`, for any account.",
    query: { period: "2026-11" },
    response: { ...USAGE, account_id: ACCOUNT_ID, keys: [KEY_USAGE] },
  },
  createKey: {
    description:
      "Only a hash of the key is stored, so this response is the only place where it appears. Without `scopes` the key may do everything that its account may.",
    request: { name: "production", scopes: ["read", "write"] },
    response: { ...KEY, api_key: "sk_live_Ab12cdEFghIJklMNopQRstUVwxYZ01x9Qz" },
  },
  listKeys: {
    description: "Includes keys that are revoked or have expired.",
    response: { keys: [KEY] },
  },
  rollKey: {
    description:
      "The new key has the name, the scopes and the lifetime of the old one, which keeps working for `overlap_seconds`.",
    request: { overlap_seconds: 3600 },
    response: {
      ...KEY,
      id: "01932c00-5555-7c3e-9d41-0b6a2f8e5c17",
      api_key: "sk_live_Cd34efGHijKLmnOPqrSTuvWXyzAB12y8Pw",
      replaces: KEY,
    },
  },
  revokeKey: {
    description: "Jobs that were created with the key continue.",
    response: { message: "Key revoked", id: KEY_ID },
  },
  listExits: {
    description:
      "Exits of the setting `EXITS` come first, then those that were added through this route. How sites treat them is shown by `GET /status` with the operator's token.",
    response: { exits: [EXIT] },
  },
  putExit: {
    description:
      "The proxy's URL is encrypted and never shown again with its name and password. Runs that are claimed from now on may get the exit. Send `{session}` in the name or password for providers that give each session an address of its own.",
    request: {
      name: "de-1",
      url: "socks5://customer-session-{session}:secret@proxy.example.com:1080",
      country: "DE",
      cost_per_gb: 3.5,
      max_runs: 20,
    },
    response: EXIT,
  },
  changeExit: {
    description: "To change the URL, send the whole exit with `POST /admin/exits`.",
    request: { enabled: false },
    response: { ...EXIT, enabled: false },
  },
  removeExit: {
    description: "An exit of the setting `EXITS` is removed there.",
    response: { message: "Exit removed", name: "de-1" },
  },
  listAudit: {
    description:
      "Who changed what and when: accounts, keys, storage, secrets. An entry is written by the same transaction as its change.",
    query: { limit: "20" },
    response: { entries: [] },
  },
  reseal: {
    description:
      "Part of rotating `SEALING_KEYS`. Call it until `done` is true, then remove the former key a day later.",
    response: { key_id: "2026-11", resealed: 100, unreadable: 0, done: false },
  },
  metrics: { description: "For Prometheus and everything that reads its format." },
  dashboardStats: { description: "Everything that an overview needs, in one call.", response: {} },
  dashboardJobs: {
    description: "Fewer fields than `GET /jobs` and no links, so that long lists are quick.",
    query: { limit: "5" },
    response: { jobs: [JOB], total: 1, limit: 5, offset: 0 },
  },
  dashboardBatches: {
    description: "Counters of each batch; `GET /batch/{id}` has the ids of its jobs.",
    query: { limit: "5" },
    response: { batches: [BATCH], total: 1, limit: 5, offset: 0 },
  },
  dashboardDaily: {
    description: "One entry for each day, in UTC, including days without jobs.",
    query: { days: "7" },
    response: {
      daily_stats: [
        { date: "2026-11-28", completed: 17, failed: 1, skipped: 0, delivered_bytes: 912_680_550 },
      ],
    },
  },
  dashboardCluster: {
    description: "A snapshot; `/jobs/{id}/events` follows a single job.",
    response: { total_downloading: 2, processors: { healthy: true } },
  },
  dashboardBilling: {
    description:
      "Only for accounts whose operator set a `billing_day`; for others `billing_enabled` is false.",
    response: {},
  },
  status: {
    description: "For a status page. Numbers, reasons and queues are shown to the operator only.",
    response: {},
  },
  about: {
    description: "JSON for programs, a page for browsers.",
    response: {
      name: "Waterspout",
      version: "0.1.0",
      console: "https://waterspout.example.com/console",
      documentation: "https://waterspout.example.com/docs",
      openapi: "https://waterspout.example.com/openapi.json",
      readiness: "https://waterspout.example.com/readyz",
    },
  },
  alive: {
    description: "For load balancers: answers while the Worker runs, even if no job could be delivered.",
    response: { status: "ok", version: "0.1.0" },
  },
  ready: {
    description:
      "For monitoring. `degraded` means that some sources or formats fail, with the reason; `unavailable` comes with 503.",
    response: { status: "ready" },
  },
  openapi: { description: "Import it into Postman, Insomnia or a generator of clients." },
  console: { description: "An application in the browser that uses this API with your key." },
  docs: { description: "Guides, and the reference that you are reading." },
};
