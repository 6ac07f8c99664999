import { z } from "zod";
import { Id } from "../ids.ts";
import {
  Batch,
  BatchJobEnd,
  BatchProgress,
  BatchRenames,
  BulkRequest,
  CancelledBatch,
  CreatedBulk,
  RenamedJobs,
  StartedBatch,
} from "./batch.ts";
import { type Endpoint, MAX_BULK_BODY_BYTES } from "./endpoint.ts";

const idParam = z.object({ id: Id });
const bulky = <S extends z.ZodType>(schema: S) => ({ schema, required: true, maxBytes: MAX_BULK_BODY_BYTES });

/** Routes of shows, playlists and bulk requests. */
export const batchEndpoints = {
  createBulk: {
    method: "POST",
    path: "/jobs/bulk",
    auth: "key",
    tag: "Batches",
    summary: "Create up to 100 jobs as one batch; if one URL is invalid, none is created",
    idempotent: true,
    body: { ...bulky(BulkRequest), unknownMembers: "reported" },
    responses: { 201: { description: "Accepted; immediately visible to the next GET", schema: CreatedBulk } },
    errors: [
      "invalid_request",
      "storage_required",
      "storage_verification_failed",
      "quota_exceeded",
      "forbidden",
      "payload_too_large",
      "overloaded",
      "dependency_unavailable",
      "expansion_timeout",
    ],
  },
  getBatch: {
    method: "GET",
    path: "/batch/{id}",
    auth: "key",
    tag: "Batches",
    summary: "Read a batch: its counters and the ids of its jobs, in the source's order",
    params: idParam,
    responses: { 200: { description: "The batch", schema: Batch } },
    errors: ["invalid_request", "not_found"],
  },
  renameJobs: {
    method: "PATCH",
    path: "/batch/{id}/jobs",
    auth: "key",
    tag: "Batches",
    summary: "Rename files of a paused batch; invalid names are reported, all others are applied",
    params: idParam,
    body: bulky(BatchRenames),
    responses: {
      200: { description: "How many were renamed, and why others were not", schema: RenamedJobs },
    },
    errors: ["invalid_request", "not_found", "payload_too_large"],
  },
  startBatch: {
    method: "POST",
    path: "/batch/{id}/start",
    auth: "key",
    tag: "Batches",
    summary: "Start a paused batch",
    params: idParam,
    responses: { 200: { description: "Its jobs start, in their order", schema: StartedBatch } },
    errors: ["invalid_request", "not_found"],
  },
  cancelBatch: {
    method: "DELETE",
    path: "/batch/{id}",
    auth: "key",
    tag: "Batches",
    summary: "Cancel every job of a batch that is not final",
    params: idParam,
    responses: {
      200: {
        description: "Cancelled; a job that is being published still completes",
        schema: CancelledBatch,
      },
    },
    errors: ["invalid_request", "not_found"],
  },
  batchEvents: {
    method: "GET",
    path: "/batch/{id}/events",
    auth: "key",
    tag: "Batches",
    summary:
      "Follow a batch as Server-Sent Events: `job` when a job ends, `progress`, then the final `status`",
    params: idParam,
    responses: {
      200: {
        description: "The stream; ends after the final status. Last-Event-ID resumes it",
        schema: z.union([BatchProgress, BatchJobEnd]),
        contentType: "text/event-stream",
      },
      204: { description: "The client has already seen the final status (Last-Event-ID)" },
    },
    errors: ["invalid_request", "not_found"],
  },
} as const satisfies Record<string, Endpoint>;
