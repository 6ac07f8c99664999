import { describe, expect, it } from "vitest";
import { type Client, type ClientOptions, createClient, WaterspoutError } from "../../schema/client.ts";

/** The client against a scripted network and a clock that only its own waiting advances. */

type Step = Response | Error | ((request: Request) => Response);

const JOB = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";
const ok = (body: unknown, headers: Record<string, string> = {}) => Response.json(body, { headers });
const refusal = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json({ error: `It is ${code}`, code, request_id: "r-1" }, { status, headers });
const stream = (...pieces: (string | Error)[]) =>
  new Response(
    new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else if (piece instanceof Error) controller.error(piece);
        else controller.enqueue(new TextEncoder().encode(piece));
      },
    }),
    { headers: { "content-type": "text/event-stream; charset=utf-8" } },
  );
const event = (id: number, progress: number, status = "Processing") =>
  `event: ${status === "Completed" ? "status" : "progress"}\nid: ${id}\ndata: ${JSON.stringify({ job_id: JOB, status, step: "Downloading", progress, download_speed_mbps: null })}\n\n`;

class Script {
  readonly requests: Request[] = [];
  readonly waits: number[] = [];
  readonly api: Client;
  readonly #steps: Step[];
  #now = 1_795_392_000_000;

  constructor(steps: readonly Step[], options: Partial<ClientOptions> = {}) {
    this.#steps = [...steps];
    this.api = createClient({
      ...{ url: "https://api.example/", apiKey: "sk_live_a", adminToken: "operator" },
      ...options,
      platform: {
        fetch: async (url, init) => {
          const request = new Request(url, init);
          this.requests.push(request);
          const step = this.#steps.shift();
          if (step === undefined) throw new Error("nothing is scripted any more");
          if (step instanceof Error) throw step;
          return step instanceof Response ? step : step(request);
        },
        wait: async (ms, signal) => {
          signal?.throwIfAborted();
          // a stream that is never silent: its watchdog waits until it is cancelled
          if (ms === 45_000) await new Promise((_, reject) => signal?.addEventListener("abort", reject));
          this.waits.push(ms);
          this.#now += ms;
        },
        now: () => this.#now,
        random: () => 0.5,
      },
    });
  }
}

const failureOf = async (call: Promise<unknown>): Promise<WaterspoutError> => {
  const failure = await call.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(failure instanceof WaterspoutError)) throw new Error(`no failure of the API: ${failure}`);
  return failure;
};

describe("a call", () => {
  it("is made of the table's path, the query and the body, with the credential that the route needs", async () => {
    const script = new Script([
      ok({ jobs: [] }),
      ok({ jobs: [] }),
      ok({ job_id: JOB }),
      ok({ keys: [] }),
      ok({ status: "ok" }),
    ]);
    await script.api.listJobs({ query: { limit: 5, status: "failed", cursor: undefined } });
    await script.api.listJobs({ query: { metadata: { customer: "a&b" } } });
    await script.api.createJob({ body: { url: "https://a.example/b", storage: undefined } });
    await script.api.listKeys({ params: { id: "a/b" } });
    await script.api.alive();
    const sent = script.requests.map(({ method, url, headers }) => [
      ...[method, url, headers.get("x-api-key"), headers.get("authorization")],
    ]);
    expect(sent).toEqual([
      ["GET", "https://api.example/jobs?limit=5&status=failed", "sk_live_a", null],
      ["GET", "https://api.example/jobs?metadata%5Bcustomer%5D=a%26b", "sk_live_a", null],
      ["POST", "https://api.example/jobs", "sk_live_a", null],
      ["GET", "https://api.example/admin/accounts/a%2Fb/keys", null, "Bearer operator"],
      ["GET", "https://api.example/healthz", null, null],
    ]);
    expect(await script.requests[2]?.json()).toEqual({ url: "https://a.example/b" });
  });

  it("accepts what the schemas accept, and returns what they return", async () => {
    // Never executed: only the types are tested.
    const typed = async ({ api }: Script) => {
      // @ts-expect-error the URL is required
      await api.createJob({ body: {} });
      // @ts-expect-error no such codec
      await api.createJob({ body: { url: "", video_codec: "h266" } });
      // @ts-expect-error credentials are required
      await api.createJob({ body: { url: "", storage: { provider: "s3" } } });
      // @ts-expect-error the id is required
      await api.getJob();
      // @ts-expect-error a stream is no call
      await api.jobEvents({ params: { id: JOB } });
      // @ts-expect-error no list
      api.each("getJob");
      for await (const { limits } of api.each("listAccounts")) limits satisfies object;
      for await (const { attempts } of api.each("listDeliveries")) attempts satisfies number;
      return (await api.getUsage()).usage_count satisfies number;
    };
    expect(typed).toBeTypeOf("function");
  });

  it("sends the bookmark of the last response, so that it reads its own writes", async () => {
    const mark = { "x-waterspout-bookmark": "mark-1" };
    const script = new Script([ok({ job_id: JOB }, mark), ok({}), ok({})]);
    await script.api.createJob({ body: { url: "https://a.example" } });
    await script.api.getJob({ params: { id: JOB } });
    await script.api.getJob({ params: { id: JOB } });
    expect(script.requests.map(({ headers }) => headers.get("x-waterspout-bookmark"))).toEqual([
      ...[null, "mark-1", "mark-1"],
    ]);
  });

  it("fails with what the refusal says, or with the network's error", async () => {
    const issues = [{ path: "url", message: "must not be empty" }];
    const body = { error: "url must not be empty", code: "invalid_request", request_id: "r-7", issues };
    const refused = await failureOf(
      new Script([Response.json(body, { status: 400 })]).api.createJob({ body: { url: "" } }),
    );
    expect(refused).toMatchObject({
      ...{ message: body.error, code: body.code, status: 400, issues, requestId: "r-7" },
    });

    const page = new Response("<h1>Bad gateway</h1>", { status: 418, headers: { "x-request-id": "r-8" } });
    expect(await failureOf(new Script([page]).api.getUsage())).toMatchObject({
      ...{
        message: "The server responded with 418 without a reason",
        code: "unexpected_answer",
        requestId: "r-8",
      },
    });
    const other = await failureOf(new Script([new Response("<h1>Hello</h1>")]).api.getUsage());
    expect(other).toMatchObject({ code: "unexpected_answer", status: 200 });

    const cause = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 1.2.3.4:443") });
    const lost = await failureOf(new Script(Array(5).fill(cause)).api.getUsage());
    expect(lost).toMatchObject({
      message: "https://api.example cannot be reached: connect ECONNREFUSED 1.2.3.4:443",
      ...{ code: "unreachable", status: null },
    });
  });

  it("returns a response that the table declares, even if it is not a success", async () => {
    const body = { status: "unavailable", parts: {} };
    const script = new Script([Response.json(body, { status: 503 })]);
    expect(await script.api.ready()).toEqual(body);
  });
});

describe("retrying", () => {
  const lost = new TypeError("fetch failed");

  it("repeats a read after temporary failures, with growing delays, and gives up in the end", async () => {
    const passing = [lost, refusal(500, "internal"), new Response("", { status: 502 }), lost];
    const script = new Script([...passing, ok({ usage_count: 1 })]);
    expect(await script.api.getUsage()).toEqual({ usage_count: 1 });
    expect(script.waits).toEqual([375, 750, 1500, 3000]);

    const hopeless = new Script([...passing.slice(0, 1), lost, lost, lost, lost]);
    expect((await failureOf(hopeless.api.getUsage())).code).toBe("unreachable");
    expect(hopeless.requests).toHaveLength(5);
  });

  it("sends the same idempotency key with each attempt, another with each call, or the caller's", async () => {
    const script = new Script([lost, ok({ job_id: JOB }), ok({ job_id: JOB }), ok({ job_id: JOB })]);
    const body = { url: "https://a.example" };
    await script.api.createJob({ body });
    await script.api.createJob({ body });
    await script.api.createJob({ body, idempotencyKey: "mine" });
    const keys = script.requests.map(({ headers }) => headers.get("x-idempotency-key"));
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
    expect(keys[3]).toBe("mine");
  });

  it.each([
    ["cancelJob", (api: Client) => api.cancelJob({ params: { id: JOB } })],
    ["createKey", (api: Client) => api.createKey({ params: { id: JOB } })],
  ])("never repeats %s after a failure that may have changed something", async (_, call) => {
    for (const step of [lost, refusal(503, "dependency_unavailable", { "retry-after": "1" })]) {
      const script = new Script([step]);
      await failureOf(call(script.api));
      expect(script.requests).toHaveLength(1);
    }
  });

  it("repeats a POST that changes nothing", async () => {
    const script = new Script([lost, ok({ title: "talk" })]);
    expect(await script.api.metadata({ body: { url: "https://a.example" } })).toEqual({ title: "talk" });
  });

  it("waits as long and as often as the server asks, whatever the request", async () => {
    const limited = () => refusal(429, "rate_limited", { "retry-after": "20" });
    const script = new Script([limited(), limited(), limited(), limited(), limited(), limited(), ok({})]);
    await script.api.cancelJob({ params: { id: JOB } });
    // jitter of up to a tenth is added; the random number is one half
    expect(script.waits).toEqual(Array(6).fill(21_000));
  });

  it("understands a date, and the second for which an equal request is still being processed", async () => {
    const at = new Date(1_795_392_000_000 + 3_000).toUTCString();
    const script = new Script([
      refusal(503, "overloaded", { "retry-after": at }),
      refusal(409, "idempotency_in_progress", { "retry-after": "1" }),
      ok({ job_id: JOB }),
    ]);
    await script.api.createJob({ body: { url: "https://a.example" } });
    expect(script.waits).toEqual([3_150, 1_050]);
  });

  it("starts no wait that would end after the retry limit", async () => {
    const steps = [refusal(429, "too_many_jobs", { "retry-after": "301" })];
    const failure = await failureOf(new Script(steps).api.getUsage());
    expect(failure).toMatchObject({ code: "too_many_jobs", retryAfterMs: 301_000 });
    const impatient = new Script([lost], { retry: { retries: 0 } });
    expect((await failureOf(impatient.api.getUsage())).code).toBe("unreachable");
  });

  it.each([
    [400, "invalid_request"],
    [401, "invalid_api_key"],
    [403, "quota_exceeded"],
    [404, "not_found"],
    [422, "idempotency_key_reused"],
    [504, "probe_timeout"],
  ])("does not repeat what would fail again: %i %s", async (status, code) => {
    const script = new Script([refusal(status, code)]);
    expect(await failureOf(script.api.createJob({ body: { url: "" } }))).toMatchObject({ status, code });
    expect(script.requests).toHaveLength(1);
  });

  it("stops with the signal's reason, while it waits and before it sends", async () => {
    const reason = new Error("enough");
    const abort = new AbortController();
    const script = new Script([
      () => {
        abort.abort(reason);
        return refusal(503, "overloaded", { "retry-after": "5" });
      },
    ]);
    await expect(script.api.getUsage({ signal: abort.signal })).rejects.toBe(reason);
    await expect(script.api.getUsage({ signal: abort.signal })).rejects.toBe(reason);
    expect(script.requests).toHaveLength(1);
  });
});

describe("a list", () => {
  it("is read with its cursor, one page at a time as needed", async () => {
    const page = (ids: number[], next_cursor: string | null) =>
      ok({ jobs: ids.map((id) => ({ id })), total: 4, next_cursor });
    const script = new Script([page([1, 2], "c-2"), page([3], "c-3"), page([4], null)]);
    const seen: unknown[] = [];
    for await (const { id } of script.api.each("listJobs", { query: { limit: 2, status: "failed" } })) {
      seen.push(id);
      if (seen.length === 2) expect(script.requests).toHaveLength(1);
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(script.requests.map(({ url }) => new URL(url).search)).toEqual([
      "?limit=2&status=failed",
      "?limit=2&status=failed&cursor=c-2",
      "?limit=2&status=failed&cursor=c-3",
    ]);
  });
});

describe("watching a job", () => {
  const progressOf = async (script: Script): Promise<number[]> => {
    const seen: number[] = [];
    for await (const { progress } of script.api.watchJob(JOB)) seen.push(progress);
    return seen;
  };

  it("reports each event once, and resumes after the last one when the stream broke or ended", async () => {
    const script = new Script([
      stream("retry: 250\n\n", event(3, 10), event(4, 20).slice(0, 30), new TypeError("terminated")),
      stream("retry: 250\n\n", event(4, 20)),
      stream(event(9, 100, "Completed"), "event: progress\nid: 10\ndata: {}\n\n"),
    ]);
    expect(await progressOf(script)).toEqual([10, 20, 100]);
    expect(script.requests.map(({ headers }) => headers.get("last-event-id"))).toEqual([null, "3", "4"]);
    expect(script.waits).toEqual([250, 250]);
  });

  it("ends when the final event was seen already", async () => {
    expect(await progressOf(new Script([new Response(null, { status: 204 })]))).toEqual([]);
  });

  it.each([
    ["a proxy that sends something else", () => [new Response("<h1>no</h1>", { headers: {} })]],
    ["a proxy that swallows events", () => Array.from({ length: 5 }, () => stream("retry: 1\n\n"))],
    ["a proxy that refuses streams", () => [new Response("", { status: 406 })]],
  ])("polls behind %s", async (_, broken) => {
    const look = (progress: number, status = "Processing") =>
      ok({ id: JOB, status, step: "Downloading", progress, download_speed_mbps: 1, title: "talk" });
    const script = new Script([...broken(), look(10), look(10), look(100, "Completed")]);
    expect(await progressOf(script)).toEqual([10, 100]);
    expect(script.waits.slice(-2)).toEqual([2_000, 2_000]);
  });

  it("fails when the job does not exist", async () => {
    const script = new Script([refusal(404, "not_found")]);
    expect(await failureOf(progressOf(script))).toMatchObject({ code: "not_found" });
    expect(script.requests).toHaveLength(1);
  });

  it("closes the stream when the watcher stops", async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(event(1, 1) + event(2, 2))),
      cancel: () => {
        cancelled = true;
      },
    });
    const script = new Script([new Response(endless, { headers: { "content-type": "text/event-stream" } })]);
    for await (const { progress } of script.api.watchJob(JOB)) if (progress === 1) break;
    expect(cancelled).toBe(true);
  });

  it("ends with the job, read again", async () => {
    const script = new Script([stream(event(1, 100, "Completed")), ok({ id: JOB, s3_url: "https://fresh" })]);
    const reported: number[] = [];
    const job = await script.api.waitForJob(JOB, { onProgress: ({ progress }) => reported.push(progress) });
    expect([job.s3_url, reported]).toEqual(["https://fresh", [100]]);
  });
});

describe("watching a batch", () => {
  it("reports the counters and the ends of jobs, until the batch ends", async () => {
    const reported = (name: string, id: number, data: object) =>
      `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
    const script = new Script([
      stream(
        reported("progress", 1, { batch_id: JOB, status: "processing", total_episodes: 2 }),
        reported("job", 2, { batch_id: JOB, job_id: JOB, status: "Completed" }),
        reported("status", 3, { batch_id: JOB, status: "finished" }),
      ),
      ok({ id: JOB, status: "finished" }),
    ]);
    const seen: string[] = [];
    const batch = await script.api.waitForBatch(JOB, { onProgress: (progress) => seen.push(progress.event) });
    expect(seen).toEqual(["progress", "job", "status"]);
    expect(batch.status).toBe("finished");
  });
});
