import { createApp } from "../../../worker/app.ts";
import { createContext, createServices } from "../../../worker/composition.ts";
import type { Dependencies, RequestContext, Services } from "../../../worker/context.ts";
import type { Env } from "../../../worker/env.ts";
import type { LogFields } from "../../../worker/lib/log.ts";
import { reconcile } from "../../../worker/services/maintenance/reconcile.ts";
import { SqliteD1 } from "../sqlite-d1.ts";
import { SimulatedFeeds } from "./simulated-feeds.ts";

const ADMIN_TOKEN = "operator-token-of-the-tests";
const VARIABLES = {
  ADMIN_TOKEN,
  PROCESSOR_TOKEN: "processor-token-of-the-tests",
  SEALING_KEYS: `tests:${Buffer.alloc(32, 7).toString("base64")}`,
  PUBLIC_URL: "https://waterspout.example",
  PROCESSOR_URL: "https://processor.example",
  R2_ENDPOINT: "https://storage.example",
  R2_BUCKET: "media",
  R2_ACCESS_KEY_ID: "access-key",
  R2_SECRET_ACCESS_KEY: "secret-key",
  MAX_BACKLOG: "1000000",
};

/** The Worker's rules in Node, over a database in memory, with a clock and a network that a test sets. */
export class World {
  now = Date.UTC(2026, 10, 1);
  readonly d1 = new SqliteD1();
  /** The responses of hosts. */
  readonly hosts = new Map<string, (request: Request) => Response | Promise<Response>>();
  readonly logs: LogFields[] = [];
  readonly feeds: SimulatedFeeds;
  readonly #services: Services;
  readonly #app: ReturnType<typeof createApp>;
  #seed = 1;

  constructor() {
    this.feeds = new SimulatedFeeds({ clock: () => this.now, open: () => this.#open() });
    this.#services = createServices(
      { ...VARIABLES, DB: this.d1.binding } as unknown as Env,
      {
        clock: () => this.now,
        wait: async () => {},
        random: (length: number) => Uint8Array.from({ length }, () => Math.floor(this.chance() * 256)),
        fetch: async (input: string | URL | Request, init?: RequestInit) => {
          const request = new Request(input, init);
          const respond = this.hosts.get(new URL(request.url).hostname);
          return respond ? respond(request) : new Response(null, { status: 404 });
        },
        log: (event: string, fields: LogFields) => {
          if (event !== "request" && event !== "feed_polled") this.logs.push({ event, ...fields });
        },
        batches: {},
        feeds: this.feeds,
        dispatchQueue: { sendBatch: async () => ({}), metrics: async () => ({}) },
        deliveryQueue: { sendBatch: async () => ({}) },
      } as unknown as Partial<Dependencies>,
    );
    this.#app = createApp(this.#services);
  }

  /** A number from 0 to 1 of a sequence that is the same each time. */
  chance(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  }

  /** Calls the API, and waits for the work that continues after the response. */
  async fetch(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<Response> {
    const work: Promise<unknown>[] = [];
    const request = new Request(`https://waterspout.example${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const context = { waitUntil: (promise: Promise<unknown>) => work.push(promise) };
    const response = await this.#app.fetch(request, {}, context as never);
    await settle(work);
    return response;
  }

  /** The JSON of a successful response. */
  async call<T>(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await this.fetch(method, path, headers, text);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** A new account. @returns the headers of its requests */
  async account(): Promise<Record<string, string>> {
    const operator = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const { id } = await this.call<{ id: string }>("POST", "/admin/accounts", operator, { name: "tests" });
    const path = `/admin/accounts/${id}/keys`;
    const { api_key } = await this.call<{ api_key: string }>("POST", path, operator, {});
    return { "x-api-key": api_key };
  }

  async reconcile(): Promise<void> {
    const { context, settled } = this.#open();
    await reconcile(context);
    await settled();
  }

  #open(): { context: RequestContext; settled: () => Promise<void> } {
    const work: Promise<unknown>[] = [];
    const context = createContext(this.#services, (promise) => work.push(promise));
    return { context, settled: () => settle(work) };
  }
}

async function settle(work: Promise<unknown>[]): Promise<void> {
  while (work.length > 0) await work.pop();
}
