import { ProbeRequest } from "../../../schema/wire/probe.ts";
import { type RunRequest, RunRequest as RunRequestSchema } from "../../../schema/wire/run.ts";

type StubResponse = () => Response | Promise<Response>;
type ResponseTo = (request: Request) => Response | Promise<Response>;

/** A webhook event as its endpoint gets it. */
export interface Post {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Plays the processor and the storage: records what the Worker sends and answers as configured. */
export class ScriptedNetwork {
  /** Runs that were handed over, the newest last; each was checked against the contract. */
  readonly runs: RunRequest[] = [];
  /** Probes that were requested, the newest last. */
  readonly probes: ProbeRequest[] = [];
  /** Everything else, as `METHOD host/path?query`. */
  readonly calls: string[] = [];
  /** The response to `POST /runs`. */
  onRun: StubResponse = () => Response.json({ v: 1 }, { status: 202 });
  /** The response to `POST /probe`. */
  onProbe: StubResponse = () => new Response(null, { status: 502 });
  /** The responses to all other requests to the processor, and those of callers' storages. */
  onOther: ResponseTo = () => new Response(null, { status: 200 });
  /** The response of `hooks.example.com`. */
  onHook: StubResponse = () => new Response(null, { status: 204 });
  /** What was posted to `hooks.example.com`, the newest last. */
  readonly posts: Post[] = [];
  /** The responses of other hosts, by host name. */
  readonly hosts = new Map<string, ResponseTo>();
  /** The responses of the operator's bucket. */
  onStorage: ResponseTo = () => new Response(null, { status: 204 });

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    if (url.hostname === "processor.example" && url.pathname === "/probe") {
      this.probes.push(ProbeRequest.parse(await request.json()));
      return this.onProbe();
    }
    if (url.hostname === "processor.example" && request.method === "POST") {
      this.runs.push(RunRequestSchema.parse(await request.json()));
      return this.onRun();
    }
    if (url.hostname === "hooks.example.com") {
      this.posts.push({ url: request.url, headers: request.headers, body: await request.text() });
      return this.onHook();
    }
    const host = this.hosts.get(url.hostname);
    if (host) return host(request);
    this.calls.push(`${request.method} ${url.host}${url.pathname}${url.search}`);
    return url.hostname === "storage.example" ? this.onStorage(request) : this.onOther(request);
  };

  /** The newest run. */
  get run(): RunRequest {
    const run = this.runs.at(-1);
    if (!run) throw new Error("no run was handed over");
    return run;
  }
}

/** The response of a processor without a free slot. */
export const busy =
  (retryAfterSeconds: number): StubResponse =>
  () =>
    new Response(null, { status: 503, headers: { "retry-after": String(retryAfterSeconds) } });

/** The result of a connection to a host that does not answer. */
export const unreachable: StubResponse = () => Promise.reject(new TypeError("connection refused"));
