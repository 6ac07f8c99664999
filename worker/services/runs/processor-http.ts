import { z } from "zod";
import { readBoundedJson } from "../../../schema/bounded-body.ts";
import { Time } from "../../../schema/ids.ts";
import { ReadinessCheck } from "../../../schema/readiness-check.ts";
import { parseRetryAfter } from "../../../schema/retry-after.ts";
import { ToolVersions } from "../../../schema/tool-versions.ts";
import {
  ListLine,
  type MediaProbeRequest,
  ProbeResponse,
  type SentListRequest,
} from "../../../schema/wire/probe.ts";
import { Isolation, type RunRequest } from "../../../schema/wire/run.ts";
import { readLines } from "../../lib/read-lines.ts";
import { checkClock } from "./clock-check.ts";
import type { ListReply, ProbeReply, RunnerHealth, StartResponse } from "./runner.ts";

/** The processor's HTTP interface, which both runners use. */

export type Send = (path: string, init: RequestInit) => Promise<Response>;

/**
 * The part of a processor's health report that is read. A processor of another version may report the rest differently.
 */
const ToolHealth = z.object({
  tools: ToolVersions,
  isolation: Isolation.nullable().default(null),
  checks: z.array(ReadinessCheck).default([]),
  time: Time.nullish(),
});

/** The part of a source's description that is read. Every member is bounded, formats and description included. */
const MAX_PROBE_BYTES = 16 << 20;
const MAX_HEALTH_BYTES = 64 << 10;
const CANCEL_TIMEOUT_MS = 5_000;
const HEALTH_TIMEOUT_MS = 3_000;
const DEFAULT_RETRY_SECONDS = 5;
/** Longest line of a list, in characters: more than its bounded members need. */
const MAX_LINE = 64 * 1024;

/** Hands a run over; a processor that has not answered within `timeoutMs` counts as unreachable. */
export async function startRun(
  send: Send,
  token: string,
  runner: string,
  run: RunRequest,
  timeoutMs: number,
): Promise<StartResponse> {
  try {
    const response = await send("/runs", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(run),
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    return read(response, runner);
  } catch (error) {
    return { type: "unreachable", reason: nameOf(error), runner };
  }
}

/** Asks a source through a processor; one that has not answered within `timeoutMs` counts as unreachable. */
export async function sendProbe(
  send: Send,
  token: string,
  request: MediaProbeRequest,
  timeoutMs: number,
): Promise<ProbeReply> {
  try {
    const response = await send("/probe", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.ok)
      return {
        type: "answered",
        outcome: ProbeResponse.parse(await readBoundedJson(response, MAX_PROBE_BYTES)).outcome,
      };
    return await noProbe(response);
  } catch (error) {
    return { type: "unreachable", reason: nameOf(error) };
  }
}

/** Asks for the entries of a list through a processor; throws the signal's reason. */
export async function sendList(
  send: Send,
  token: string,
  request: SentListRequest,
  signal: AbortSignal,
): Promise<ListReply> {
  try {
    const response = await send("/probe", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(request),
      signal,
    });
    return response.ok && response.body
      ? { type: "listed", lines: parseLines(response.body) }
      : await noProbe(response);
  } catch (error) {
    signal.throwIfAborted();
    return { type: "unreachable", reason: nameOf(error) };
  }
}

async function* parseLines(body: ReadableStream<Uint8Array>): AsyncGenerator<ListLine> {
  for await (const line of readLines(body, MAX_LINE)) yield ListLine.parse(JSON.parse(line));
}

async function noProbe(response: Response): Promise<Exclude<ProbeReply, { type: "answered" }>> {
  await response.body?.cancel();
  if (response.status === 504) return { type: "late" };
  if (response.status === 503) return { type: "busy", retryAfterSeconds: retrySeconds(response) };
  return { type: "unreachable", reason: `the processor answered ${response.status}` };
}

/** Instructs a processor to stop a run; whether it answers does not matter. */
export async function cancelRun(send: Send, token: string, jobId: string): Promise<void> {
  try {
    const response = await send(`/runs/${jobId}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(CANCEL_TIMEOUT_MS),
    });
    await response.body?.cancel();
  } catch {
    // the next heartbeat carries the same instruction
  }
}

/** Asks a processor how it is. @param token shown to it, so that a wrong one is found now; null: it has the Worker's own */
export async function readHealth(send: Send, token: string | null): Promise<RunnerHealth> {
  try {
    const asked = Date.now();
    const response = await send("/healthz", {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
      ...(token !== null && { headers: { authorization: `Bearer ${token}` } }),
    });
    const answered = Date.now();
    const health = ToolHealth.safeParse(await readBoundedJson(response, MAX_HEALTH_BYTES).catch(() => null));
    if (response.status === 401) {
      return {
        ok: false,
        detail: "the processor refuses this Worker: PROCESSOR_TOKEN must be the same on both",
      };
    }
    if (!response.ok) return { ok: false, detail: `the processor answers ${response.status}` };
    if (!health.success) return { ok: true, tools: null };
    const { checks, time, ...facts } = health.data;
    const clock = typeof time === "number" ? [checkClock(time, asked, answered)] : [];
    return { ok: true, ...facts, checks: [...checks, ...clock] };
  } catch {
    return { ok: false, detail: "the processor does not answer" };
  }
}

function read(response: Response, runner: string): StartResponse {
  const { status } = response;
  if (response.ok) return { type: "accepted", runner };
  if (status === 503 || status === 429) {
    return { type: "busy", retryAfterSeconds: retrySeconds(response) };
  }
  const reason = `the processor answered ${status}`;
  // the operator has to correct a wrong token or address; jobs wait for that
  const waits = status >= 500 || status === 401 || status === 403 || status === 404;
  return waits ? { type: "unreachable", reason, runner } : { type: "rejected", reason };
}

function retrySeconds(response: Response): number {
  const seconds = Math.ceil((parseRetryAfter(response.headers.get("retry-after"), Date.now()) ?? 0) / 1000);
  return seconds > 0 ? seconds : DEFAULT_RETRY_SECONDS;
}

const nameOf = (error: unknown): string =>
  error instanceof Error && error.name === "TimeoutError" ? "no response in time" : "no connection";
