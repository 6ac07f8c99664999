import { z } from "zod";
import { BATCH_STATUSES } from "../api/batch.ts";
import { type Endpoint, MAX_BODY_BYTES } from "../api/endpoint.ts";
import { jobOptions, WebUrl } from "../api/job-request.ts";
import { Usage } from "../api/usage.ts";
import { Id, Time } from "../ids.ts";

/** Routes of the contract that the table of endpoints does not hold; what it holds goes before these. */

const idParam = z.object({ id: Id });
const body = <S extends z.ZodType>(schema: S) =>
  ({ schema, required: true, maxBytes: MAX_BODY_BYTES }) as const;
const count = z.int().min(0);

export const Batch = z.looseObject({
  id: Id,
  show_url: z.string().nullable(),
  status: z.enum(BATCH_STATUSES),
  folder: z.string().nullable(),
  total_episodes: count,
  completed_episodes: count,
  failed_episodes: count,
  skipped_episodes: count,
  processing_episodes: count,
  pending_episodes: count,
  episode_jobs: z.array(Id),
  created_at: Time,
  finished_at: Time.nullable(),
});

export const plannedEndpoints = {
  getBatch: {
    method: "GET",
    path: "/batch/{id}",
    auth: "key",
    tag: "Jobs",
    summary: "Read a batch",
    params: idParam,
    answers: { 200: { description: "The batch", schema: Batch } },
    errors: ["invalid_request", "not_found"],
  },
  batchEvents: {
    method: "GET",
    path: "/batch/{id}/events",
    auth: "key",
    tag: "Jobs",
    summary: "Follow a batch as Server-Sent Events: its counters, and the end of each job",
    params: idParam,
    answers: { 200: { description: "The stream", contentType: "text/event-stream" } },
    errors: ["invalid_request", "not_found"],
  },
  startBatch: {
    method: "POST",
    path: "/batch/{id}/start",
    auth: "key",
    tag: "Jobs",
    summary: "Start a paused batch",
    params: idParam,
    answers: {
      200: {
        description: "Started",
        schema: z.object({ batch_id: Id, started_jobs: count, status: z.enum(BATCH_STATUSES) }),
      },
    },
    errors: ["invalid_request", "not_found"],
  },
  cancelBatch: {
    method: "DELETE",
    path: "/batch/{id}",
    auth: "key",
    tag: "Jobs",
    summary: "Cancel every job of a batch that is not final",
    params: idParam,
    answers: {
      200: {
        description: "Cancelled",
        schema: z.object({ batch_id: Id, cancelled_jobs: count, status: z.enum(BATCH_STATUSES) }),
      },
    },
    errors: ["invalid_request", "not_found"],
  },
  renameJobs: {
    method: "PATCH",
    path: "/batch/{id}/jobs",
    auth: "key",
    tag: "Jobs",
    summary: "Name the files of a paused batch",
    params: idParam,
    body: body(z.object({ renames: z.array(z.object({ job_id: Id, filename: z.string() })) })),
    answers: {
      200: { description: "Renamed", schema: z.object({ updated: count, errors: z.array(z.string()) }) },
    },
    errors: ["invalid_request", "not_found"],
  },
  createBulk: {
    method: "POST",
    path: "/jobs/bulk",
    auth: "key",
    tag: "Jobs",
    summary: "Create a batch of 1 to 100 jobs",
    idempotent: true,
    body: body(
      z.object({
        ...jobOptions,
        jobs: z.array(z.object({ url: WebUrl, filename: z.string().optional() })),
      }),
    ),
    answers: {
      201: {
        description: "Accepted",
        schema: z.object({ batch_id: Id, total_jobs: count, job_ids: z.array(Id) }),
      },
    },
    errors: ["invalid_request"],
  },
  getAccountUsage: {
    method: "GET",
    path: "/admin/accounts/{id}/usage",
    auth: "admin",
    tag: "Operator",
    summary: "What an account and each of its keys used in a month",
    params: idParam,
    query: z.object({ period: z.string().optional() }),
    answers: {
      200: {
        description: "The usage",
        schema: Usage.extend({
          keys: z.array(
            z.looseObject({
              key_id: Id,
              name: z.string(),
              usage_count: count,
              storage_usage_gb: z.number(),
              storage_reserved_gb: z.number(),
            }),
          ),
        }),
      },
    },
    errors: ["invalid_request", "not_found"],
  },
  rollKey: {
    method: "POST",
    path: "/admin/accounts/{id}/keys/{key_id}/roll",
    auth: "admin",
    tag: "Operator",
    summary: "Make a key in another one's place, which holds for a while longer",
    params: z.object({ id: Id, key_id: Id }),
    body: body(z.object({ overlap_seconds: count.optional() })),
    answers: {
      201: { description: "The new key", schema: z.looseObject({ id: Id, api_key: z.string() }) },
    },
    errors: ["invalid_request", "not_found"],
  },
  listAudit: {
    method: "GET",
    path: "/admin/audit",
    auth: "admin",
    tag: "Operator",
    summary: "What was done to accounts and keys, and by whom",
    query: z.object({ account_id: Id.optional(), cursor: Id.optional() }),
    answers: {
      200: {
        description: "A page of entries",
        schema: z.object({
          entries: z.array(
            z.looseObject({
              id: Id,
              at: Time,
              actor: z.string(),
              action: z.string(),
              account_id: Id.nullable(),
              subject: z.string().nullable(),
            }),
          ),
          next_cursor: Id.nullable(),
        }),
      },
    },
    errors: ["invalid_request"],
  },
} as const satisfies Record<string, Endpoint>;
