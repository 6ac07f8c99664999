import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "../../../schema/wire/callback.ts";
import { RunRequest } from "../../../schema/wire/run.ts";
import { WIRE_VERSION } from "../../../schema/wire/version.ts";

/** A processor whose runs do nothing for a fixed time, to measure who gets its slots. */
export interface TimedProcessor {
  /** When each job's run began, by `performance.now()`. */
  readonly startedAt: ReadonlyMap<string, number>;
  close(): void;
}

interface TimedProcessorOptions {
  readonly port: number;
  readonly slots: number;
  readonly runMs: number;
  /** Base URL of the Worker, known once it has started. */
  readonly workerUrl: () => string;
}

const OUTCOME: Outcome["outcome"] = {
  type: "failed",
  code: "unavailable",
  retry_after_ms: null,
  title: null,
};

export async function startTimedProcessor(options: TimedProcessorOptions): Promise<TimedProcessor> {
  const { port, slots, runMs, workerUrl } = options;
  const startedAt = new Map<string, number>();
  let running = 0;

  async function run({ job_id, attempt, token }: RunRequest): Promise<void> {
    await sleep(runMs);
    await fetch(`${workerUrl()}/internal/runs/${job_id}/outcome`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ v: WIRE_VERSION, attempt, outcome: OUTCOME, free_slots: slots - running + 1 }),
    }).then((response) => response.arrayBuffer());
  }

  const server = createServer(async (request, response) => {
    if (request.method !== "POST" || request.url !== "/runs") return response.writeHead(404).end();
    const wanted = RunRequest.parse(await json(request));
    if (running >= slots) return response.writeHead(503, { "retry-after": "5" }).end();
    running += 1;
    startedAt.set(wanted.job_id, performance.now());
    // a Worker that is being stopped accepts no report
    run(wanted)
      .catch(() => undefined)
      .finally(() => {
        running -= 1;
      });
    return response.writeHead(202, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    startedAt,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
