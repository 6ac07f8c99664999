import { DurableObject } from "cloudflare:workers";
import type { z } from "zod";
import { readBoundedJson } from "../../schema/bounded-body.ts";
import { otlpVariables } from "../../schema/telemetry/otlp-settings.ts";
import { ProcessorHealth } from "../../schema/wire/run.ts";
import { type Config, readConfig } from "../config.ts";
import type { Env, ProcessorRpc } from "../env.ts";
import { consoleLog, describeError, type LogFields } from "../lib/log.ts";
import { readHealth } from "../services/runs/processor-http.ts";
import type { RunnerHealth } from "../services/runs/runner.ts";

/** What the object needs to know of a processor's health: an image of another version may report the rest differently. */
const Health = ProcessorHealth.pick({ runs: true });
type Health = z.infer<typeof Health>;

/** Where the processor listens in its container. */
const PORT = 8080;
/** Longest time from start to the first response of `/healthz`, in milliseconds: image pull, boot, tools. */
const READY_MS = 30_000;
const READY_POLL_MS = 100;
const MAX_HEALTH_BYTES = 64 << 10;
const HEALTH_TIMEOUT_MS = 3_000;
const SIGTERM = 15;

/**
 * One container instance of the processor, named `processor-<i>`. The object starts the container on demand, waits
 * until it answers, passes requests on, notices when it ends, and lets it drain when it has nothing to do.
 */
export class ProcessorInstance extends DurableObject<Env> implements ProcessorRpc {
  #starting: Promise<void> | null = null;
  #idleAt = 0;
  readonly #config: Config;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#config = readConfig(env);
    // the container outlives this object's memory
    if (ctx.container?.running) this.#watch(ctx.container);
  }

  /** Passes a request on to the processor; 502 when none answers. */
  override async fetch(request: Request): Promise<Response> {
    const { container } = this.ctx;
    if (!container) {
      this.#log("container_missing", { hint: "set PROCESSOR_URL, or deploy with containers" });
      return new Response(null, { status: 502 });
    }
    try {
      await this.#ensureReady(container);
      await this.keepAwake();
      return await container.getTcpPort(PORT).fetch(request);
    } catch (error) {
      this.#log("container_unreachable", { error: describeError(error) });
      return new Response(null, { status: 502 });
    }
  }

  /** A container that sleeps is healthy: it is started by the next run. */
  async health(): Promise<RunnerHealth> {
    const { container } = this.ctx;
    if (!container) return { ok: false, detail: "there are no containers here; set PROCESSOR_URL" };
    if (!container.running) return { ok: true };
    return readHealth(
      (path, init) => container.getTcpPort(PORT).fetch(`http://processor${path}`, init),
      null,
    );
  }

  /** Postpones the end of the container: work inside it does not count as activity. */
  async keepAwake(): Promise<void> {
    const { container } = this.ctx;
    if (!container?.running) return;
    const idleMs = this.#config.processorIdleMs;
    const idleAt = Date.now() + idleMs;
    // heartbeats come often; the alarm need not follow each of them
    if (idleAt - this.#idleAt < idleMs / 10) return;
    this.#idleAt = idleAt;
    // the platform's own limit is only a fallback for the alarm, which lets the processor drain
    await container.setInactivityTimeout(2 * idleMs);
    await this.ctx.storage.setAlarm(idleAt);
  }

  /** Drains a container that has nothing to do. */
  override async alarm(): Promise<void> {
    const { container } = this.ctx;
    if (!container?.running) return;
    const health = await this.#ask(container);
    if (health && health.runs > 0) return this.keepAwake();
    this.#log("container_idle", { responses: health !== null });
    if (health) container.signal(SIGTERM);
    else await container.destroy();
  }

  /** One start at a time; every other caller waits for it. */
  async #ensureReady(container: Container): Promise<void> {
    if (container.running && !this.#starting) return;
    this.#starting ??= this.#start(container).finally(() => {
      this.#starting = null;
    });
    await this.#starting;
  }

  async #start(container: Container): Promise<void> {
    const began = Date.now();
    container.start({
      enableInternet: true,
      // what is not here is forwarded or the image's: schema/container-settings.ts
      env: {
        PORT: String(PORT),
        INSTANCE: this.#name,
        WORKER_URL: this.#config.publicUrl,
        PROCESSOR_TOKEN: this.#config.processorToken,
        ALLOWED_PRIVATE_HOSTS: [...this.#config.allowedPrivateHosts].join(","),
        LEASE_SECONDS: `${this.#config.leaseMs / 1000}`,
        HEARTBEAT_SECONDS: `${this.#config.heartbeatMs / 1000}`,
        ...otlpVariables(this.#config.otlp),
        ...this.#config.forwarded,
      },
    });
    this.#watch(container);
    while (!(await this.#ask(container))) {
      if (!container.running) throw new Error("the container ended while it started");
      if (Date.now() - began > READY_MS) {
        await container.destroy();
        throw new Error("the container did not become ready");
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    this.#log("container_ready", { ms: Date.now() - began });
  }

  /** Records how the container ended; the next request starts another one. */
  #watch(container: Container): void {
    const ended = container.monitor().then(
      () => this.#log("container_ended", {}),
      (error: unknown) => this.#log("container_crashed", { error: describeError(error) }),
    );
    this.ctx.waitUntil(
      ended.then(() => {
        this.#idleAt = 0;
      }),
    );
  }

  async #ask(container: Container): Promise<Health | null> {
    try {
      const response = await container
        .getTcpPort(PORT)
        .fetch("http://processor/healthz", { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
      return response.ok ? Health.parse(await readBoundedJson(response, MAX_HEALTH_BYTES)) : null;
    } catch {
      return null;
    }
  }

  get #name(): string {
    return this.ctx.id.name ?? this.ctx.id.toString();
  }

  #log(event: string, fields: LogFields): void {
    consoleLog(event, { instance: this.#name, ...fields });
  }
}
