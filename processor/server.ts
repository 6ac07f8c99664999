import { timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import { type ProcessorHealth, RunRequest } from "../schema/wire/run.ts";
import { WIRE_VERSION } from "../schema/wire/version.ts";
import type { RunTable } from "./run-table.ts";

export interface ServerParts {
  /** Bearer that the Worker shows. */
  readonly token: string;
  readonly runs: RunTable;
  /** Prometheus' text format. */
  readonly renderMetrics: () => string;
  readonly health: () => ProcessorHealth;
}

/** The processor's HTTP interface. `/healthz`, `/readyz` and `/metrics` tell no secret and ask for none. */
export function createServer({ token, runs, renderMetrics, health }: ServerParts): Hono {
  const app = new Hono();

  app.get("/healthz", (c) => c.json(health()));
  app.get("/readyz", (c) =>
    c.json({ status: runs.draining ? "draining" : "ready" }, runs.draining ? 503 : 200),
  );
  app.get("/metrics", (c) => c.text(renderMetrics(), 200, { "content-type": "text/plain; version=0.0.4" }));

  app.use("/runs/*", async (c, next) => {
    if (!sameSecret(c.req.header("authorization") ?? "", `Bearer ${token}`)) {
      return c.json({ error: "The processor's token is missing or wrong" }, 401);
    }
    return next();
  });

  app.post("/runs", async (c) => {
    const parsed = RunRequest.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success) {
      const where = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
      return c.json({ error: `The run is not valid: ${where}` }, 400);
    }
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

  return app;
}

/** Compares in constant time; the lengths of tokens are no secret. */
function sameSecret(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
