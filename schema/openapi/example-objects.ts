/** Objects that the examples of the documentation share. */

export const JOB_ID = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";
export const SECOND_JOB_ID = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c18";
export const BATCH_ID = "01932c7f-1a2b-7c3e-8d41-5e6f708192a3";
export const ACCOUNT_ID = "01932c00-1111-7c3e-9d41-0b6a2f8e5c17";
export const KEY_ID = "01932c00-2222-7c3e-9d41-0b6a2f8e5c17";
export const TALK = "https://example.com/talk.mp4";

export const JOB = {
  id: JOB_ID,
  url: TALK,
  status: "Completed",
  step: "Finished",
  progress: 100,
  s3_url: "https://storage.example.com/waterspout/local/videos/talks/talk.mp4?X-Amz-Signature=…",
  title: "A talk",
  folder: "talks",
  s3_key: "local/videos/talks/talk.mp4",
  storage_provider: "s3",
  file_size: 48_211_092,
  sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  duration: 612.4,
  created_at: 1_795_392_000_000,
  started_at: 1_795_392_000_120,
  finished_at: 1_795_392_004_870,
  expires_at: 1_795_996_804_870,
  attempt: 1,
  total_duration_ms: 4870,
  queue_wait_ms: 120,
  native_video_codec: "h264",
  native_audio_codec: "aac",
  requested_quality: "1080",
  actual_quality: "1080p",
  actual_audio_language: "en",
  audio_languages: ["en"],
  download_strategy: "ranges",
  copied_from: null,
  webhook_status: "no_webhook",
  webhook_attempts: 0,
  max_resolution: 1080,
} as const;

export const S3 = {
  endpoint: "https://s3.eu-central-1.amazonaws.com",
  bucket: "my-media",
  region: "eu-central-1",
  access_key: "AKIAIOSFODNN7EXAMPLE",
  secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  folder_prefix: "waterspout",
} as const;
export const BLOB = {
  account_name: "mymedia",
  container: "media",
  account_key: "bm90IGEgcmVhbCBrZXkgb2YgYW4gYWNjb3VudA==",
} as const;
export const GCS = {
  project_id: "my-project",
  bucket: "my-media",
  service_account_json:
    '{"type":"service_account","client_email":"waterspout@my-project.iam.gserviceaccount.com","private_key":"…"}',
} as const;
export const GDRIVE = {
  service_account_json: GCS.service_account_json,
  folder_id: "1AbCdEfGhIjKlMnOpQrStUvWxYz012345",
} as const;
export const OSS = {
  endpoint: "https://oss-eu-central-1.aliyuncs.com",
  bucket: "my-media",
  access_key_id: "LTAI5tExample",
  access_key_secret: "example-secret",
} as const;

/** Response of setting a storage. */
export const saved = (provider: string, container_or_bucket: string, message: string) => ({
  message,
  provider,
  container_or_bucket,
});
/** Response of reading a storage. */
export const shown = (provider: string, container_or_bucket: string, endpoint: string | null) => ({
  configured: true,
  provider,
  container_or_bucket,
  endpoint,
  base_folder: "videos",
  last_modified: 1_795_392_000_000,
});

export const BATCH = {
  id: BATCH_ID,
  kind: "bulk",
  title: null,
  status: "processing",
  list_complete: true,
  list_error: null,
  folder: "talks",
  total_episodes: 2,
  completed_episodes: 1,
  failed_episodes: 0,
  skipped_episodes: 0,
  processing_episodes: 1,
  pending_episodes: 0,
  episode_jobs: [JOB_ID, SECOND_JOB_ID],
  started_at: 1_795_392_000_000,
} as const;

export const ACCOUNT = {
  id: ACCOUNT_ID,
  name: "newsroom",
  source: "direct",
  storage_prefix: "newsroom",
  limits: { max_concurrent_jobs: 10, max_resolution: 1080 },
  disabled: false,
} as const;
export const KEY = { id: KEY_ID, name: "production", last4: "x9Qz", scopes: ["read", "write"] } as const;
export const EXIT = {
  name: "de-1",
  url: "socks5://proxy.example.com:1080",
  country: "DE",
  cost_per_gb: 3.5,
  max_runs: 20,
  enabled: true,
  origin: "admin",
  running: 3,
} as const;
export const DELIVERY = {
  id: "01932c80-3333-7c3e-9d41-0b6a2f8e5c17",
  event_id: "01932c80-4444-7c3e-9d41-0b6a2f8e5c17",
  job_id: JOB_ID,
  kind: "webhook",
  type: "job_completed",
  url: "https://example.com/hooks/waterspout",
  status: "delivered",
  attempts: 1,
  last_status: 204,
  response_time_ms: 41,
  delivered_at: 1_795_392_005_000,
} as const;
export const WEBHOOK_SECRET = { webhook_signing_secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } as const;
export const USAGE = {
  client_name: "newsroom",
  period: "2026-11",
  usage_count: 128,
  storage_usage_gb: 41.72,
  storage_reserved_gb: 0,
  storage_effective_usage_gb: 41.72,
} as const;
export const KEY_USAGE = {
  key_id: KEY_ID,
  name: "production",
  last4: "x9Qz",
  usage_count: 128,
  storage_usage_gb: 41.72,
} as const;

/** Data of the event `progress` of a batch. */
export const BATCH_PROGRESS = {
  batch_id: BATCH_ID,
  status: "processing",
  total_episodes: 2,
  completed_episodes: 1,
  failed_episodes: 0,
  skipped_episodes: 0,
  processing_episodes: 1,
  pending_episodes: 0,
} as const;

/** A jar of the vault. */
export const COOKIES = {
  site: "youtube.com",
  cookies: 14,
  exit: null,
  state: "active",
  set_at: 1795392000000,
  renewed_at: 1795395600000,
  used_at: 1795395600000,
  stale_at: null,
};

/** What a browser's extension exports; the value is invented. */
export const COOKIES_TXT =
  "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t1826928000\tSID\tan-invented-value\n";
