import { Agent, request as httpRequest } from "node:http";

/** One kind of request, repeated. */
export interface LoadRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The expected status. */
  readonly expect: number;
}

export interface LoadResult {
  readonly concurrency: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * Keeps a number of requests in flight for a time.
 *
 * @throws Error at the first response with another status
 */
export async function load(
  request: LoadRequest,
  concurrency: number,
  durationMs: number,
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const latencies: number[] = [];
  const startedAt = performance.now();
  const client = async () => {
    for (let now = startedAt; now - startedAt < durationMs; ) {
      await send(request, agent);
      const respondedAt = performance.now();
      latencies.push(respondedAt - now);
      now = respondedAt;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client)).finally(() => agent.destroy());
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  const percentile = (share: number) => latencies[Math.ceil(latencies.length * share) - 1] ?? Number.NaN;
  return {
    concurrency,
    requests: latencies.length,
    requestsPerSecond: latencies.length / seconds,
    p50: percentile(0.5),
    p99: percentile(0.99),
  };
}

function send({ method, url, headers, body, expect }: LoadRequest, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { method, headers, agent }, (incoming) => {
      const { statusCode } = incoming;
      if (statusCode !== expect) reject(new Error(`${method} ${url} answered ${statusCode}`));
      incoming.resume().once("end", resolve).once("error", reject);
    });
    outgoing.once("error", reject).end(body);
  });
}
