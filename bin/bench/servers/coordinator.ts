import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { Heartbeat, type HeartbeatResponse, Outcome } from "../../../schema/wire/callback.ts";
import { WIRE_VERSION } from "../../../schema/wire/version.ts";

/** A Worker that accepts every report, so that only the processor is measured. */
export interface Coordinator {
  readonly url: string;
  /** Resolves with the outcome of a job's run. */
  outcome(jobId: string): Promise<Outcome["outcome"]>;
  close(): void;
}

export async function startCoordinator(): Promise<Coordinator> {
  const outcomes = new Map<string, PromiseWithResolvers<Outcome["outcome"]>>();
  const outcomeOf = (jobId: string) => {
    const known = outcomes.get(jobId) ?? Promise.withResolvers<Outcome["outcome"]>();
    outcomes.set(jobId, known);
    return known;
  };
  const server = createServer(async (request, response) => {
    const body = await json(request);
    const [, jobId = "", report] = /^\/internal\/runs\/([^/]+)\/(\w+)$/.exec(request.url ?? "") ?? [];
    response.setHeader("content-type", "application/json");
    if (report === undefined) response.end(JSON.stringify(goOn(Heartbeat.parse(body))));
    else response.end("{}");
    if (report === "outcome") outcomeOf(jobId).resolve(Outcome.parse(body).outcome);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    outcome: (jobId) => outcomeOf(jobId).promise,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const goOn = ({ runs }: Heartbeat): HeartbeatResponse => ({
  v: WIRE_VERSION,
  runs: runs.map(({ job_id, attempt }) => ({ job_id, attempt, verdict: "go_on" })),
});
