import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import type { Job } from "../../../schema/api/job.ts";
import type { DeliveryMessage, DispatchMessage } from "../../../schema/wire/queue-messages.ts";
import type { RunRequest } from "../../../schema/wire/run.ts";
import { createApp } from "../../../worker/app.ts";
import { createContext, createServices } from "../../../worker/composition.ts";
import type { RequestContext, Services } from "../../../worker/context.ts";
import type { LogFields } from "../../../worker/lib/log.ts";
import { consumeDeliveryMessages } from "../../../worker/queues/deliveries.ts";
import { consumeDispatchMessages } from "../../../worker/queues/dispatch.ts";
import { reconcile } from "../../../worker/services/maintenance/reconcile.ts";
import { readList } from "../../../worker/services/sources/listing/list-source.ts";
import {
  inParts,
  type ListPart,
  type ListRange,
  type Recognised,
  type WholeList,
} from "../../../worker/services/sources/listing/listing.ts";
import { SimulatedFeeds } from "../../support/subscriptions/simulated-feeds.ts";
import { checkResponse } from "./check-answer.ts";
import { env } from "./env.ts";
import { LocalBatches } from "./local-batches.ts";
import { ScriptedNetwork } from "./scripted-network.ts";

interface CallOptions {
  readonly key?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** What the consumer did with the messages. */
interface ConsumedMessages {
  readonly acked: string[];
  readonly retried: { readonly job_id: string; readonly delaySeconds: number }[];
}

/**
 * The Worker over the real database, with a clock that the test sets, a scripted network, and a queue that is emptied
 * when the test says so.
 */
export class Harness {
  now = Date.UTC(2026, 10, 24, 12);
  readonly network = new ScriptedNetwork();
  /** Dispatch messages that were sent and not yet delivered. */
  readonly dispatchQueue: { readonly body: DispatchMessage; readonly delaySeconds: number }[] = [];
  /** Delivery messages that were sent and not yet delivered. */
  readonly deliveryQueue: { readonly body: DeliveryMessage; readonly delaySeconds: number }[] = [];
  readonly logs: LogFields[] = [];
  readonly batches = new LocalBatches((ctx) => this.context(ctx));
  readonly feeds = new SimulatedFeeds({
    clock: () => this.now,
    open: () => {
      const ctx = createExecutionContext();
      return { context: this.context(ctx), settled: () => waitOnExecutionContext(ctx) };
    },
  });
  /** The lists that were requested, the newest last. */
  readonly listed: Recognised[] = [];
  /** What a list contains; null: the real listing is used. */
  onListing: ((recognised: Recognised) => WholeList) | null = null;
  /** Called before each part of such a list is handed over; an error breaks the reading off. */
  onPart: (part: ListPart) => void | Promise<void> = () => {};
  /** How often messages were sent to the first queue, however many at once. */
  sends = 0;
  /** Called while the Worker waits. */
  onWait: () => void | Promise<void> = () => {};
  /** Makes the queue refuse. */
  queueIsDown = false;
  readonly services: Services;
  readonly #app: ReturnType<typeof createApp>;

  constructor(variables: Record<string, unknown> = {}) {
    this.services = createServices(
      // most tests send the same address many times, and expect a run for each
      { ...env, REUSE_HOURS: "0", ...variables },
      {
        clock: () => this.now,
        wait: async () => this.onWait(),
        fetch: this.network.fetch,
        log: (event, fields) => this.logs.push({ event, ...fields }),
        batches: this.batches,
        feeds: this.feeds,
        readList: (context, recognised, asker, range, signal) => {
          this.listed.push(recognised);
          return this.onListing
            ? this.#partsOf(this.onListing, recognised, range)
            : readList(context, recognised, asker, range, signal);
        },
        dispatchQueue: {
          sendBatch: async (messages) => {
            if (this.queueIsDown) throw new Error("the queue is down");
            this.sends += 1;
            for (const { body, delaySeconds = 0 } of messages)
              this.dispatchQueue.push({ body, delaySeconds });
            return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
          },
          metrics: async () => {
            if (this.queueIsDown) throw new Error("the queue is down");
            return { backlogCount: 0, backlogBytes: 0 };
          },
        },
        deliveryQueue: {
          sendBatch: async (messages) => {
            if (this.queueIsDown) throw new Error("the queue is down");
            for (const { body, delaySeconds = 0 } of messages)
              this.deliveryQueue.push({ body, delaySeconds });
            return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
          },
        },
      },
    );
    this.#app = createApp(this.services);
  }

  /**
   * Calls the API, waits for the work that continues after the response, and checks the response against its schema.
   */
  async call(method: string, path: string, { key, body, headers }: CallOptions = {}): Promise<Response> {
    const ctx = createExecutionContext();
    const request = new Request(`https://waterspout.example${path}`, {
      method,
      headers: { ...(key === undefined ? {} : { "x-api-key": key }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const response = await this.#app.fetch(request, env, ctx);
    await waitOnExecutionContext(ctx);
    await checkResponse(method, path, response);
    return response;
  }

  async json<T = Record<string, unknown>>(method: string, path: string, options?: CallOptions): Promise<T> {
    return (await this.call(method, path, options)).json<T>();
  }

  operator<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    return this.json<T>(method, path, { body, headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` } });
  }

  /** A new account with a key. @param newKey the properties of the key */
  async account(limits = {}, newKey = {}): Promise<{ id: string; key: string }> {
    const { id } = await this.operator<{ id: string }>("POST", "/admin/accounts", { name: "tests", limits });
    const { api_key } = await this.operator<{ api_key: string }>(
      "POST",
      `/admin/accounts/${id}/keys`,
      newKey,
    );
    // what every isolate soon has cached: that nothing is denied
    await this.services.denials.isEmpty(this.context());
    return { id, key: api_key };
  }

  /** Creates a job; returns its id. */
  async create(key: string, request: Record<string, unknown> = {}): Promise<string> {
    const body = { url: "https://media.example.com/a.mp4", ...request };
    return (await this.json<{ job_id: string }>("POST", "/jobs", { key, body })).job_id;
  }

  /** Creates a job and has it claimed by the scripted processor. */
  async start(key: string, request: Record<string, unknown> = {}): Promise<RunRequest> {
    const id = await this.create(key, request);
    await this.consumeDispatchQueue();
    const run = this.network.runs.findLast(({ job_id }) => job_id === id);
    if (!run) throw new Error("the job was not handed over");
    return run;
  }

  job(key: string, id: string): Promise<Job> {
    return this.json<Job>("GET", `/jobs/${id}`, { key });
  }

  /** Sends a report as the processor. */
  report(
    run: RunRequest,
    name: "upload" | "recording" | "source" | "publish" | "known" | "outcome",
    content: object = {},
  ): Promise<Response> {
    return this.call("POST", `/internal/runs/${run.job_id}/${name}`, {
      headers: { authorization: `Bearer ${run.token}` },
      body: { v: 1, attempt: run.attempt, ...content },
    });
  }

  /** Delivers all dispatch messages that were sent, whatever their delay. */
  async consumeDispatchQueue(attempts = 1): Promise<ConsumedMessages> {
    const result: ConsumedMessages = { acked: [], retried: [] };
    const messages = this.dispatchQueue.splice(0).map(({ body }) => ({
      id: crypto.randomUUID(),
      attempts,
      body,
      ack: () => result.acked.push(body.job_id),
      retry: ({ delaySeconds = 0 } = {}) => result.retried.push({ job_id: body.job_id, delaySeconds }),
    }));
    const ctx = createExecutionContext();
    await consumeDispatchMessages(this.context(ctx), { messages } as unknown as MessageBatch);
    await waitOnExecutionContext(ctx);
    return result;
  }

  /** Delivers all delivery messages that were sent, whatever their delay. */
  async consumeDeliveryQueue(): Promise<void> {
    const messages = this.deliveryQueue
      .splice(0)
      .map(({ body }) => ({ id: crypto.randomUUID(), body, ack: () => {} }));
    const ctx = createExecutionContext();
    await consumeDeliveryMessages(this.context(ctx), { messages } as unknown as MessageBatch);
    await waitOnExecutionContext(ctx);
  }

  async reconcile() {
    const ctx = createExecutionContext();
    const done = await reconcile(this.context(ctx));
    await waitOnExecutionContext(ctx);
    return done;
  }

  /** Each part shows the list as it is then, as pages of a site do. */
  async *#partsOf(
    list: (recognised: Recognised) => WholeList,
    recognised: Recognised,
    { skip, until, size }: ListRange,
  ): AsyncGenerator<ListPart> {
    for (let start = skip, isLast = false; !isLast && start < until; start += size) {
      const { value: part } = inParts(list(recognised), { skip: start, until, size }).next();
      if (!part) return;
      await this.onPart(part);
      yield part;
      isLast = part.isLast;
    }
  }

  context(ctx: ExecutionContext = createExecutionContext()): RequestContext {
    return createContext(this.services, (work) => ctx.waitUntil(work));
  }
}
