import type { z } from "zod";
import { MAX_BODY_BYTES } from "../../schema/api/endpoint.ts";
import { Id } from "../../schema/ids.ts";
import {
  Heartbeat,
  Outcome,
  PublishRequest,
  RecordingStarted,
  SourceFound,
  UploadStarted,
} from "../../schema/wire/callback.ts";
import { KnownRequest } from "../../schema/wire/reuse.ts";
import { WIRE_VERSION } from "../../schema/wire/version.ts";
import type { RequestContext } from "../context.ts";
import { ApiError, invalidRequest, issuesOf } from "../lib/api-error.ts";
import { bearerOf } from "../lib/bearer.ts";
import { readJson } from "../lib/body.ts";
import { sameSecret } from "../lib/digest.ts";
import type { Claim } from "../services/runs/claim.ts";
import { takeSource } from "../services/runs/denied-runs.ts";
import {
  takeHeartbeat,
  takeKnown,
  takeOutcome,
  takePublish,
  takeRecording,
  takeStart,
  takeUpload,
} from "../services/runs/run-reports.ts";
import { isRunToken } from "../services/runs/run-token.ts";
import type { Handler } from "./route.ts";

/** A report of one run: `/internal/runs/{id}/…`, its bearer the token of the claim that it names. */
export function claimed<S extends z.ZodType<{ attempt: number }>>(
  schema: S,
  take: (context: RequestContext, claim: Claim, report: z.output<S>) => Promise<unknown>,
): Handler {
  return async (c) => {
    const { context } = c.var;
    const report = await readReport(c.req.raw, schema);
    const jobId = Id.safeParse(c.req.param("id")).data;
    const token = bearerOf(c.req.raw);
    const { processorToken } = context.config;
    if (!jobId || !token || !(await isRunToken(processorToken, jobId, report.attempt, token))) {
      throw new ApiError("invalid_api_key", { sentence: "Invalid run token" });
    }
    c.set("facts", { job_id: jobId, attempt: report.attempt });
    const answer = await take(context, { jobId, attempt: report.attempt }, report);
    return c.json({ v: WIRE_VERSION, status: "ok", ...(answer ?? {}) });
  };
}

/** Reads and checks the body of a report. */
export async function readReport<S extends z.ZodType>(
  request: Request,
  schema: S,
  maxBytes = MAX_BODY_BYTES,
) {
  const parsed = schema.safeParse(await readJson(request, maxBytes));
  if (!parsed.success) throw invalidRequest(issuesOf(parsed.error));
  return parsed.data;
}

/** Enough for a thousand runs with long titles. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * `POST /internal/heartbeat`: each run in it has its own token; a run with a wrong one must stop. The report
 * that the processor has just started needs the processor's token.
 */
export const heartbeat: Handler = async (c) => {
  const runHeartbeat = await readReport(c.req.raw, Heartbeat, MAX_BYTES);
  c.set("facts", { instance: runHeartbeat.instance, runs: runHeartbeat.runs.length });
  const response = await takeHeartbeat(c.var.context, runHeartbeat);
  const { started } = runHeartbeat;
  const { context } = c.var;
  if (started && (await sameSecret(bearerOf(c.req.raw) ?? "", context.config.processorToken))) {
    await takeStart(context, runHeartbeat, started);
  }
  return c.json(response);
};

/** `POST /internal/runs/{id}/upload` */
export const upload = claimed(UploadStarted, takeUpload);

/** `POST /internal/runs/{id}/recording` */
export const recording = claimed(RecordingStarted, takeRecording);

/** `POST /internal/runs/{id}/publish` */
export const publish = claimed(PublishRequest, async (context, claim, report) => ({
  status: await takePublish(context, claim, report),
}));

/** `POST /internal/runs/{id}/source` */
export const source = claimed(SourceFound, takeSource);

/** `POST /internal/runs/{id}/known` */
export const known = claimed(KnownRequest, async (context, claim, report) => ({
  file: await takeKnown(context, claim, report),
}));

/** `POST /internal/runs/{id}/outcome` */
export const outcome = claimed(Outcome, takeOutcome);
