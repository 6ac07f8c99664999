import "../messages.ts";
import { z } from "zod";
import { JOB_ERROR_CODES } from "../errors.ts";
import { Id, Time } from "../ids.ts";
import { Adjustment } from "../media.ts";
import { STATUSES } from "../states.ts";
import { Filename, jobOptions, refineOptions, WebUrl, withoutNulls } from "./job-request.ts";
import { Metadata } from "./metadata.ts";

/** What a batch was created from. */
export const BATCH_KINDS = ["bulk", "playlist", "spotify_show"] as const;
export type BatchKind = (typeof BATCH_KINDS)[number];

/**
 * States as they are stored. `completed`: all done, none failed or skipped, and the list was read to its end; `finished`:
 * all done otherwise. These two are final.
 */
export const BATCH_STATES = ["paused", "processing", "completed", "finished"] as const;

/** `listing`: the rest of a long list is being read, while its first jobs may run already. */
export const BATCH_STATUSES = ["listing", ...BATCH_STATES] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** Maximum number of jobs in a bulk request. */
export const MAX_BULK_JOBS = 100;

interface WithMetadata {
  readonly jobs: readonly { readonly metadata?: Metadata | undefined }[];
  readonly metadata?: Metadata | undefined;
}

/** The pairs of an entry and the shared ones together are the job's metadata, so they must fit into its limits. */
function refineMetadata({ jobs, metadata: shared }: WithMetadata, context: z.RefinementCtx): void {
  if (shared === undefined) return;
  for (const [index, { metadata: own }] of jobs.entries()) {
    if (own === undefined) continue;
    for (const { message } of Metadata.safeParse({ ...shared, ...own }).error?.issues ?? []) {
      const sentence = `${message}, those of the whole request included`;
      context.addIssue({ code: "custom", path: ["jobs", index, "metadata"], message: sentence });
    }
  }
}

/** `POST /jobs/bulk`: several URLs with the options that they share. */
export const BulkRequest = z
  .preprocess(
    withoutNulls,
    z
      .object({
        jobs: z
          .array(
            z.preprocess(
              withoutNulls,
              z.object({
                url: WebUrl,
                filename: Filename.optional().describe("Overrides the shared one"),
                metadata: Metadata.optional().describe("Added to the shared one, pair by pair"),
              }),
            ),
            "must be a list of jobs",
          )
          .min(1, "must name a job")
          .max(MAX_BULK_JOBS, `must name at most ${MAX_BULK_JOBS} jobs`),
        ...jobOptions,
      })
      .superRefine(refineOptions)
      .superRefine(refineMetadata),
  )
  .meta({ id: "BulkRequest" });
export type BulkRequest = z.infer<typeof BulkRequest>;

const text = z.string().nullable();
const listing = {
  listing: z
    .boolean()
    .describe(
      "The list has more entries than this response: the others are read and get their jobs after it, in the list's order; `GET /batch/{id}` counts them",
    ),
};
const reported = {
  adjustments: z
    .array(Adjustment)
    .optional()
    .describe("Present if something was corrected: the first hundred corrections; each job reports its own"),
  cached: z
    .literal(true)
    .optional()
    .describe("Replayed response of an earlier request with the same idempotency key"),
};

/** 201 of `POST /jobs` for a show. */
export const CreatedShow = z
  .object({
    batch_id: Id,
    total_episodes: z.int().min(0),
    paused: z.boolean(),
    episodes: z.array(
      z.object({
        job_id: Id,
        url: z.string(),
        title: text,
        description: text,
        release_date: text.describe("ISO 8601 date"),
      }),
    ),
    episode_jobs: z.array(Id).describe("In the show's order"),
    ...listing,
    ...reported,
  })
  .meta({ id: "CreatedShow" });

/** 201 of `POST /jobs` for a playlist, a channel, or any URL with `batch: true`. */
export const CreatedPlaylist = z
  .object({
    batch_id: Id,
    total_videos: z.int().min(0),
    paused: z.boolean(),
    videos: z.array(z.object({ job_id: Id, url: z.string(), title: text })),
    video_jobs: z.array(Id).describe("In the list's order"),
    ...listing,
    ...reported,
  })
  .meta({ id: "CreatedPlaylist" });

/** 201 of `POST /jobs/bulk`. */
export const CreatedBulk = z
  .object({
    batch_id: Id,
    total_jobs: z.int().min(1),
    paused: z.boolean(),
    job_ids: z.array(Id).describe("In the request's order"),
    ...reported,
  })
  .meta({ id: "CreatedBulk" });

const counts = {
  total_episodes: z.int().min(0).describe("Jobs; while the status is `listing`, those so far"),
  completed_episodes: z.int().min(0),
  failed_episodes: z.int().min(0).describe("Ended `Failed` or `Warning`"),
  skipped_episodes: z.int().min(0),
  processing_episodes: z.int().min(0),
  pending_episodes: z.int().min(0),
};

/** A batch as `GET /batch/{id}` reports it. */
export const Batch = z
  .object({
    id: Id,
    kind: z.enum(BATCH_KINDS),
    show_url: text.describe("Null for a bulk request"),
    title: text,
    status: z
      .enum(BATCH_STATUSES)
      .describe("`listing`: the rest of a long list is being read, while its first jobs may run already"),
    list_complete: z
      .boolean()
      .describe(
        "Every entry of the list has a job. False while the status is `listing`, and if the list could not be read to its end",
      ),
    list_error: text.describe(
      "Why the list could not be read to its end; while the status is `listing`, why the last try failed, which is repeated",
    ),
    folder: text,
    metadata: Metadata.nullable().describe("As it was sent with the request; null without"),
    ...counts,
    episode_jobs: z.array(Id).describe("In the source's order"),
    created_at: Time,
    started_at: Time.nullable().describe("Null while it is paused"),
    finished_at: Time.nullable(),
  })
  .meta({ id: "Batch" });
export type Batch = z.infer<typeof Batch>;

/** Maximum number of renames in a request; enough for a show of 5,000 episodes. */
const MAX_RENAMES = 5_000;

/** `PATCH /batch/{id}/jobs`. Each rename succeeds or fails on its own. */
export const BatchRenames = z
  .object({
    renames: z
      .array(z.object({ job_id: z.string(), filename: z.string() }), "must be a list of renames")
      .min(1, "must name a job")
      .max(MAX_RENAMES, `must name at most ${MAX_RENAMES} jobs`),
  })
  .meta({ id: "BatchRenames" });

export const RenamedJobs = z
  .object({
    updated: z.int().min(0),
    errors: z.array(z.string()).describe("One sentence for each rename that was refused"),
  })
  .meta({ id: "RenamedJobs" });

export const StartedBatch = z
  .object({ batch_id: Id, started_jobs: z.int().min(0), status: z.literal("processing") })
  .meta({ id: "StartedBatch" });

export const CancelledBatch = z
  .object({ batch_id: Id, cancelled_jobs: z.int().min(0), status: z.enum(BATCH_STATUSES) })
  .meta({ id: "CancelledBatch" });

/** Data of the SSE events `progress` and, when the batch is over, `status`. */
export const BatchProgress = z
  .object({ batch_id: Id, status: z.enum(BATCH_STATUSES), ...counts })
  .meta({ id: "BatchProgress" });
export type BatchProgress = z.infer<typeof BatchProgress>;

/** Data of the SSE event `job`: one of the batch's jobs ended. */
export const BatchJobEnd = z
  .object({
    batch_id: Id,
    job_id: Id,
    url: z.string(),
    title: text,
    status: z.enum(STATUSES),
    error_code: z.enum(JOB_ERROR_CODES).nullable(),
  })
  .meta({ id: "BatchJobEnd" });
export type BatchJobEnd = z.infer<typeof BatchJobEnd>;
