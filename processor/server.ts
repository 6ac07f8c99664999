import { timingSafeEqual } from "node:crypto";
import { Hono, type MiddlewareHandler } from "hono";
import type { z } from "zod";
import { METRICS_TYPE } from "../schema/telemetry/prometheus.ts";
import {
  type ListLine,
  type ListRequest,
  type MediaProbeRequest,
  type ProbeOutcome,
  ProbeRequest,
  type ProbeResponse,
} from "../schema/wire/probe.ts";
import { type ProcessorHealth, RunRequest } from "../schema/wire/run.ts";
import { WIRE_VERSION } from "../schema/wire/version.ts";
import { Fault } from "./fault.ts";
import type { RunTable } from "./run/run-table.ts";
import type { Slots } from "./run/slots.ts";

export interface ServerParts {
  /** Bearer token of the Worker. */
  readonly token: string;
  readonly runs: RunTable;
  /** Concurrent probes, in addition to runs. */
  readonly probes: Slots;
  readonly probe: (request: MediaProbeRequest, signal: AbortSignal) => Promise<ProbeOutcome>;
  /** Concurrent listings, in addition to runs and probes; they take longer than a probe. */
  readonly lists: Slots;
  readonly list: (
    request: ListRequest,
    signal: AbortSignal,
    report: (line: ListLine) => void,
  ) => Promise<void>;
  /** Prometheus' text format. */
  readonly renderMetrics: () => string;
  readonly health: () => Promise<ProcessorHealth>;
}

/** Probes are short, and so is the wait for one to end. */
const PROBES_BUSY_SECONDS = 2;

const WRONG_TOKEN = "The processor's token is missing or wrong";

/** The processor's HTTP interface. `/healthz`, `/readyz` and `/metrics` contain no secret and need no token. */
export function createServer(parts: ServerParts): Hono {
  const { token, runs, probes, lists, probe, renderMetrics, health } = parts;
  const app = new Hono();

  app.get("/healthz", async (c) => {
    // a Worker shows its token, so that it learns here and not from its first job that it is another one
    const shown = c.req.header("authorization");
    if (shown !== undefined && !sameSecret(shown, `Bearer ${token}`))
      return c.json({ error: WRONG_TOKEN }, 401);
    return c.json(await health());
  });
  app.get("/readyz", async (c) => {
    const { checks } = await health();
    const fails = checks.some(({ status }) => status === "failed");
    const warns = checks.some(({ status }) => status === "warning");
    const status = runs.draining ? "draining" : fails ? "unavailable" : warns ? "degraded" : "ready";
    return c.json({ status, checks }, runs.draining || fails ? 503 : 200);
  });
  app.get("/metrics", (c) => c.text(renderMetrics(), 200, { "content-type": METRICS_TYPE }));

  const onlyWorker: MiddlewareHandler = async (c, next) => {
    if (!sameSecret(c.req.header("authorization") ?? "", `Bearer ${token}`)) {
      return c.json({ error: WRONG_TOKEN }, 401);
    }
    return next();
  };
  app.use("/runs/*", onlyWorker);
  app.use("/probe", onlyWorker);

  app.post("/runs", async (c) => {
    const parsed = RunRequest.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success) return c.json({ error: `The run is not valid: ${placesOf(parsed.error)}` }, 400);
    const admission = await runs.admit(parsed.data);
    if (admission.type === "busy") {
      return c.json({ error: "No free slot" }, 503, { "retry-after": `${admission.retryAfterSeconds}` });
    }
    return c.json({ v: WIRE_VERSION, job_id: parsed.data.job_id, attempt: parsed.data.attempt }, 202);
  });

  app.delete("/runs/:id", async (c) => {
    const stopped = await runs.cancel(c.req.param("id"));
    return c.json({ stopped }, stopped ? 200 : 404);
  });

  app.post("/probe", async (c) => {
    const parsed = ProbeRequest.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success) return c.json({ error: `The probe is not valid: ${placesOf(parsed.error)}` }, 400);
    const request = parsed.data;
    const slots = request.kind === "list" ? lists : probes;
    if (runs.draining || !slots.tryTake()) {
      return c.json({ error: "No room for a probe" }, 503, { "retry-after": `${PROBES_BUSY_SECONDS}` });
    }
    if (request.kind === "list") return streamList(parts, request, c.req.raw.signal);
    try {
      const outcome = await probe(request, c.req.raw.signal);
      return c.json({ v: WIRE_VERSION, outcome } satisfies ProbeResponse);
    } catch (error) {
      if (error instanceof Fault && error.code === "timeout") return c.json({ error: error.message }, 504);
      throw error;
    } finally {
      probes.release();
    }
  });

  return app;
}

/** NDJSON while the source reports its list; a client that goes away ends the extraction. */
function streamList({ list, lists }: ServerParts, request: ListRequest, gone: AbortSignal): Response {
  const abort = new AbortController();
  const signal = AbortSignal.any([gone, abort.signal]);
  const encoder = new TextEncoder();
  let done: Promise<void>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const report = (line: ListLine) => {
        // a stream without a reader accepts nothing
        if (!signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      done = list(request, signal, report)
        .then(
          () => (signal.aborted ? undefined : controller.close()),
          (error: unknown) => controller.error(error),
        )
        .finally(() => lists.release());
    },
    async cancel(reason) {
      abort.abort(reason);
      await done;
    },
  });
  return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}

const placesOf = (error: z.ZodError): string => error.issues.map(({ path }) => path.join(".")).join(", ");

/** Compares in constant time; the lengths of tokens are not secret. */
function sameSecret(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
