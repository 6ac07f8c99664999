import { z } from "zod";
import { Id } from "../ids.ts";
import { CreatedPlaylist, CreatedShow } from "./batch.ts";
import { batchEndpoints } from "./batch-endpoints.ts";
import { cookieEndpoints } from "./cookies/endpoints.ts";
import { dashboardEndpoints } from "./dashboard-endpoints.ts";
import { type Endpoint, MAX_BODY_BYTES } from "./endpoint.ts";
import { About, Alive, Readiness, ServiceStatus } from "./health.ts";
import {
  CancelledJob,
  CreatedJob,
  DeletedFile,
  Job,
  JobList,
  JobListQuery,
  JobProgress,
  PlannedJob,
  RetriedJob,
} from "./job.ts";
import { JobRequest } from "./job-request.ts";
import { operatorEndpoints } from "./operator-endpoints.ts";
import { Metadata, ProbeUrl, ShortVerdict } from "./probe.ts";
import { InlineStorage } from "./storage.ts";
import { subscriptionEndpoints } from "./subscriptions/endpoints.ts";
import { KeyUsageList, MonthQuery, Usage, UsageQuery } from "./usage.ts";
import { storageEndpoints } from "./user-storage.ts";
import { webhookEndpoints } from "./webhook-endpoints.ts";

const idParam = z.object({ id: Id });
const json = <S extends z.ZodType, const R extends boolean = true>(schema: S, required?: R) => ({
  schema,
  required: (required ?? true) as R,
  maxBytes: MAX_BODY_BYTES,
});
const jobRequest = { ...json(JobRequest), unknownMembers: "reported" } as const;

/** Bodies that may contain the storage credentials again. */
export const WithStorage = z
  .object({
    storage: InlineStorage.optional().describe("The storage that holds the file, with its credentials"),
  })
  .meta({ id: "WithStorage" });

/**
 * Errors of routes that ask a source: `invalid_request` when the source has nothing to offer (private, removed, no
 * media), with the message that a job would end with; `dependency_unavailable` with `Retry-After` for temporary
 * failures; `probe_timeout` after 20 s.
 */
const PROBE_ERRORS = [
  "denied",
  "invalid_request",
  "payload_too_large",
  "dependency_unavailable",
  "probe_timeout",
] as const;

/** Every public route, by name. */
export const endpoints = {
  createJob: {
    method: "POST",
    path: "/jobs",
    auth: "key",
    tag: "Jobs",
    summary: "Create a job, or a batch of jobs from a show, a playlist or a channel",
    idempotent: true,
    body: jobRequest,
    responses: {
      201: {
        description: "Accepted; immediately visible to the next GET",
        schema: z.union([CreatedShow, CreatedPlaylist, CreatedJob]),
      },
    },
    errors: [
      "denied",
      "invalid_request",
      "storage_required",
      "storage_verification_failed",
      "quota_exceeded",
      "too_many_jobs",
      "forbidden",
      "payload_too_large",
      "overloaded",
      "dependency_unavailable",
      "expansion_timeout",
    ],
  },
  planJob: {
    method: "POST",
    path: "/jobs/plan",
    auth: "key",
    tag: "Jobs",
    summary: "Plan a job; nothing is created",
    safe: true,
    body: jobRequest,
    responses: { 200: { description: "The plan", schema: PlannedJob } },
    errors: ["denied", "forbidden", "invalid_request", "payload_too_large", "probe_timeout"],
  },
  metadata: {
    method: "POST",
    path: "/metadata",
    auth: "key",
    tag: "Media",
    summary: "Read the metadata of a URL; nothing is downloaded",
    safe: true,
    body: json(ProbeUrl),
    responses: { 200: { description: "What the source reports", schema: Metadata } },
    errors: PROBE_ERRORS,
  },
  isShort: {
    method: "POST",
    path: "/is-short",
    auth: "key",
    tag: "Media",
    summary: "Whether the video is vertical",
    safe: true,
    body: json(ProbeUrl),
    responses: { 200: { description: "Whether it is vertical", schema: ShortVerdict } },
    errors: PROBE_ERRORS,
  },
  listJobs: {
    method: "GET",
    path: "/jobs",
    auth: "key",
    tag: "Jobs",
    summary: "List jobs, newest first",
    query: JobListQuery,
    responses: { 200: { description: "A page of jobs", schema: JobList } },
    errors: ["invalid_request"],
  },
  getJob: {
    method: "GET",
    path: "/jobs/{id}",
    auth: "key",
    tag: "Jobs",
    summary: "Read a job",
    params: idParam,
    responses: { 200: { description: "The job", schema: Job } },
    errors: ["invalid_request", "not_found"],
  },
  cancelJob: {
    method: "DELETE",
    path: "/jobs/{id}",
    auth: "key",
    tag: "Jobs",
    summary: "Cancel a job that is pending or running",
    params: idParam,
    responses: { 200: { description: "Cancelled; nothing is published", schema: CancelledJob } },
    errors: ["invalid_request", "not_found"],
  },
  retryJob: {
    method: "POST",
    path: "/jobs/{id}/retry",
    auth: "key",
    tag: "Jobs",
    summary: "Retry a job that failed, was refused or was skipped, as a new job",
    params: idParam,
    body: json(WithStorage, false),
    responses: { 201: { description: "The new job", schema: RetriedJob } },
    errors: [
      "denied",
      "quota_exceeded",
      "too_many_jobs",
      "forbidden",
      "invalid_request",
      "not_found",
      "storage_required",
      "storage_verification_failed",
      "payload_too_large",
      "overloaded",
      "expansion_timeout",
    ],
  },
  deleteFile: {
    method: "DELETE",
    path: "/jobs/{id}/file",
    auth: "key",
    tag: "Jobs",
    summary: "Delete the delivered file",
    params: idParam,
    body: json(WithStorage, false),
    responses: { 200: { description: "Deleted", schema: DeletedFile } },
    errors: ["invalid_request", "not_found", "storage_verification_failed", "dependency_unavailable"],
  },
  jobEvents: {
    method: "GET",
    path: "/jobs/{id}/events",
    auth: "key",
    tag: "Jobs",
    summary: "Follow a job as Server-Sent Events: `progress`, then the final `status`",
    params: idParam,
    responses: {
      200: {
        description: "The stream; ends after the final status. Last-Event-ID resumes it",
        schema: JobProgress,
        contentType: "text/event-stream",
      },
      204: { description: "The client has already seen the final status (Last-Event-ID)" },
    },
    errors: ["invalid_request", "not_found"],
  },
  ...batchEndpoints,
  ...subscriptionEndpoints,
  ...webhookEndpoints,
  getUsage: {
    method: "GET",
    path: "/usage",
    auth: "key",
    tag: "Account",
    summary: "The account's usage since the beginning or in a month, and its limits",
    query: UsageQuery,
    responses: { 200: { description: "The usage", schema: Usage } },
    errors: ["invalid_request"],
  },
  getKeyUsage: {
    method: "GET",
    path: "/usage/keys",
    auth: "key",
    tag: "Account",
    summary: "Usage of each of the account's keys in a month",
    query: MonthQuery,
    responses: { 200: { description: "The usage", schema: KeyUsageList } },
    errors: ["invalid_request"],
  },
  ...storageEndpoints,
  ...cookieEndpoints,
  ...operatorEndpoints,
  ...dashboardEndpoints,
  about: {
    method: "GET",
    path: "/",
    auth: "public",
    tag: "Service",
    summary: "Name, version and links; a page for browsers, which ask for text/html",
    responses: { 200: { description: "What this service is", schema: About, page: "text/html" } },
    errors: [],
  },
  alive: {
    method: "GET",
    path: "/healthz",
    auth: "public",
    tag: "Service",
    summary: "Whether the service is alive",
    responses: { 200: { description: "Alive", schema: Alive } },
    errors: [],
  },
  ready: {
    method: "GET",
    path: "/readyz",
    auth: "public",
    tag: "Service",
    summary: "Whether jobs can be delivered: database, queue, storage, processor and its tools",
    responses: {
      200: { description: "Jobs are delivered; `degraded`: some would fail", schema: Readiness },
      503: { description: "Jobs would fail; the body says why", schema: Readiness },
    },
    errors: [],
  },
  status: {
    method: "GET",
    path: "/status",
    auth: "public",
    tag: "Service",
    summary: "How each site did in the last hour; with the operator's token also numbers, reasons and queues",
    responses: { 200: { description: "The sites", schema: ServiceStatus } },
    errors: ["invalid_api_key", "dependency_unavailable"],
  },
  openapi: {
    method: "GET",
    path: "/openapi.json",
    auth: "public",
    tag: "Service",
    summary: "This document",
    responses: { 200: { description: "OpenAPI 3.1", schema: z.looseObject({}) } },
    errors: [],
  },
  console: {
    method: "GET",
    path: "/console",
    auth: "public",
    tag: "Service",
    summary: "The console: jobs, batches, storage, webhooks and usage as a page",
    responses: { 200: { description: "A page", contentType: "text/html" } },
    errors: [],
  },
  docs: {
    method: "GET",
    path: "/docs",
    auth: "public",
    tag: "Service",
    summary: "This documentation as a page",
    responses: { 200: { description: "A page", contentType: "text/html" } },
    errors: [],
  },
} as const satisfies Record<string, Endpoint>;

export type EndpointName = keyof typeof endpoints;
