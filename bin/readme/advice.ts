import type { ApiErrorCode, JobErrorCode } from "../../schema/errors.ts";

/** What a caller does about each error: the documentation's last column. A test demands a sentence for each code. */

export const API_ADVICE: Readonly<Partial<Record<ApiErrorCode, string>>> = {
  invalid_request: "Correct the fields that `issues` names; sending it again unchanged fails again",
  storage_required: "Add `storage` to the request: accounts of marketplaces have no storage of their own",
  storage_verification_failed:
    "The sentence says what the storage refused. Compare your policy with the one in [Your own storage](storage.md)",
  missing_api_key: "Send your key as `x-api-key`, or as `authorization: Bearer …`",
  invalid_api_key: "Check the key: it may be mistyped, revoked or expired, or its account may be disabled",
  quota_exceeded: "Wait for the next month, deliver to your own storage, or ask the operator for more",
  forbidden: "Use a key with the scope that the sentence names, or stay within the limits of the account",
  not_found: "Check the id; it may belong to another account, or the record may have been removed",
  method_not_allowed: "Use a method that the header `Allow` names",
  lease_lost: "Nothing: it is sent to processors only",
  idempotency_in_progress: "Send the same request again in a moment; the first response will be replayed",
  payload_too_large: "Send less: split a bulk request into several",
  idempotency_key_reused: "Use a new key for a new request",
  rate_limited: "Wait for `Retry-After`; waiting that long guarantees admission",
  too_many_jobs: "Wait until jobs of the account have ended; `Retry-After` is an estimate",
  denied:
    "Ask whom the sentence names; sending it again, or another address of the same media, is refused again",
  internal: "Try again; if it persists, send the `request_id` to the operator",
  overloaded: "Wait for `Retry-After`; the service has more work than it may hold",
  dependency_unavailable: "Wait for `Retry-After`, or for a few seconds",
  probe_timeout: "Try again, or create the job: it has more time than a probe",
  expansion_timeout: "Try again; very long lists may have to be split",
};

export const JOB_ADVICE: Readonly<Partial<Record<JobErrorCode, string>>> = {
  private: "Ask the publisher for access, or [store cookies](cookies.md) of an account that may see it",
  members_only: "[Store cookies](cookies.md) of a member's session, if the site's terms allow that",
  unavailable: "Check the URL in a browser",
  age_restricted: "[Store cookies](cookies.md) of an adult's session",
  geo_blocked:
    "Send `geo` with a country where it is available, if the operator has an [exit](exits.md) there",
  copyright: "Nothing can be done here",
  terminated: "Nothing can be done here",
  login_required: "[Store cookies](cookies.md) of a session at that site",
  denied: "Ask whom the sentence names; another address of the same media is refused, too",
  upcoming: "Send `wait_for_video: true`, or try again after the start",
  not_live: "Try again when the channel is live",
  live: "Try again after the broadcast, when there is a recording",
  drm: "Nothing: protected media is never delivered",
  entry_unavailable: "Nothing: the other entries of the list are delivered",
  no_open_feed: "Nothing: the show is published in a closed service only",
  ambiguous_episode: "Send the URL of the episode in its podcast feed",
  unsupported_url: "Check that the page has media, and send the URL of the media itself if you know it",
  invalid_feed: "Tell the publisher; the feed must be well-formed XML",
  is_playlist: "Send `batch: true`",
  no_format: "Lower `min_resolution`, leave out `resolution`, or choose another format",
  clip_out_of_range: "Choose an earlier `clip_start`; `POST /metadata` reports the duration",
  limit_exceeded: "Lower `max_resolution`, cut a clip, or ask the operator for a higher limit",
  egress_blocked: "Use a public URL; the operator can allow a host with `ALLOWED_PRIVATE_HOSTS`",
  bot_check:
    "Try again later; the operator can set up a PO-token provider, cookies or more [exits](exits.md)",
  rate_limited: "Try again later, with fewer jobs for this source at a time",
  forbidden: "Try again; if it persists, the media needs a session or another country",
  site_failing:
    "Wait: it is tried again. The operator should allow a newer yt-dlp, see [Two versions of yt-dlp](versions.md)",
  host_not_found: "Check the host name; it may be mistyped, or its domain may have expired",
  network: "Try again later; check that the source can be reached",
  truncated: "Check the file at its source: more than a quarter of it is damaged or missing",
  processing: "Choose another format; if it persists, report the URL to the operator",
  upload_refused: "Compare your policy with the one in [Your own storage](storage.md), then retry the job",
  upload_failed: "Check that your storage is available, then retry the job",
  disk_full:
    "The operator must give `WORK_DIR` more space, run fewer jobs at a time, or set `KEEP_COPIES_ON_DISK=false`",
  timeout: "Cut a clip or lower the quality; the operator can raise `MAX_RUN_SECONDS`",
  cancelled: "Nothing: you asked for it",
  interrupted: "Retry the job; the operator should look for processors that crash",
  internal: "Retry the job; if it persists, report its id to the operator",
};
