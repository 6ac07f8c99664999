import type { TraceContext } from "../schema/telemetry/trace-context.ts";
import { Tracer } from "../schema/telemetry/tracer.ts";
import { type Config, readConfig } from "./config.ts";
import type { Dependencies, RequestContext, Services } from "./context.ts";
import { type Anchor, Connection } from "./db/connection.ts";
import type { Env } from "./env.ts";
import { consoleLog, describeError, type Log } from "./lib/log.ts";
import { RememberedCheck } from "./lib/remembered-check.ts";
import { createUuidV7 } from "./lib/uuid.ts";
import { VERSION } from "./lib/version.ts";
import { KeyCache } from "./services/accounts/key-cache.ts";
import { RateLimits } from "./services/accounts/limits.ts";
import { createBatchObjects } from "./services/batches/objects.ts";
import { BackoffMemory } from "./services/exits/backoff-memory.ts";
import { Backlog } from "./services/intake/backlog.ts";
import { SiteRunsMemory } from "./services/maintenance/site-status.ts";
import { DenialsMemory } from "./services/rights/denials-memory.ts";
import { Capacity } from "./services/runs/capacity.ts";
import { createContainerRunner } from "./services/runs/container-runner.ts";
import { createHttpRunner } from "./services/runs/http-runner.ts";
import type { Runner } from "./services/runs/runner.ts";
import { readList } from "./services/sources/listing/list-source.ts";
import { SpotifyTokens } from "./services/sources/listing/spotify-tokens.ts";
import { createManagedBucket } from "./services/storage/managed-bucket.ts";
import { Sealer } from "./services/storage/seal.ts";
import { createFeedObjects } from "./services/subscriptions/objects.ts";

const PLATFORM: Omit<Dependencies, "runner" | "dispatchQueue" | "deliveryQueue" | "batches" | "feeds"> = {
  clock: () => Date.now(),
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  // looked up at each call: the platform's fetch must not be called on another object
  fetch: (input, init) => globalThis.fetch(input, init),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  log: consoleLog,
  readList,
};

/**
 * The composition root.
 *
 * @throws ConfigError
 */
export function createServices(env: Env, replaced: Partial<Dependencies> = {}): Services {
  const config = readConfig(env);
  const dependencies = { ...PLATFORM, ...replaced };
  return {
    runner: createRunner(config, env, dependencies),
    dispatchQueue: env.DISPATCH_QUEUE,
    deliveryQueue: env.DELIVERY_QUEUE,
    batches: createBatchObjects(env.BATCHES),
    feeds: createFeedObjects(env.FEEDS),
    ...dependencies,
    config,
    d1: env.DB,
    assets: env.ASSETS,
    bucket: createManagedBucket(config.bucket, dependencies),
    keys: new KeyCache(),
    rates: new RateLimits(config.rateLimits, { read: env.READ_RATE, write: env.WRITE_RATE }),
    capacity: new Capacity(),
    backlog: new Backlog(config.maxBacklog),
    backoffs: new BackoffMemory(),
    siteRuns: new SiteRunsMemory(),
    denials: new DenialsMemory(),
    databaseWrites: new RememberedCheck(dependencies.clock),
    sealer: new Sealer(config.sealingKeys, dependencies.random),
    spotifyTokens: new SpotifyTokens(config.spotify, dependencies),
    newId: createUuidV7(dependencies),
    tracer: createTracer(config, dependencies),
  };
}

const byEnv = new WeakMap<Env, Services>();

/** The services of this isolate, created once. */
export function servicesOf(env: Env): Services {
  const known = byEnv.get(env);
  if (known) return known;
  const services = createServices(env);
  byEnv.set(env, services);
  return services;
}

/** Creates a context. Requests that change something begin at the primary. */
export function createContext(
  services: Services,
  waitUntil: (work: Promise<unknown>) => void,
  anchor: Anchor = "first-primary",
  trace: TraceContext | null = null,
): RequestContext {
  const connection = new Connection(services.d1, anchor);
  // a log line about a job other than the request's names its trace itself
  const log: Log = trace
    ? (event, fields) => services.log(event, { trace_id: trace.traceId, ...fields })
    : services.log;
  const defer = (work: Promise<unknown>) =>
    waitUntil(work.catch((error: unknown) => log("deferred_failed", { error: describeError(error) })));
  return { ...services, log, trace, connection, db: connection.db, defer };
}

function createTracer(
  { otlp }: Config,
  { fetch, random, log }: Pick<Dependencies, "fetch" | "random" | "log">,
): Tracer {
  return new Tracer({
    config: otlp,
    resource: { "service.name": "waterspout-worker", "service.version": VERSION },
    fetch,
    random,
    onFailure: (detail, lost) => log("traces_not_exported", { detail, lost }),
  });
}

function createRunner(
  config: Config,
  env: Env,
  { fetch, clock }: Pick<Dependencies, "fetch" | "clock">,
): Runner {
  const token = config.processorToken;
  const { processor } = config;
  return processor.type === "http"
    ? createHttpRunner({ urls: processor.urls, token, fetch, clock })
    : createContainerRunner({ namespace: env.PROCESSOR, ...processor, token, clock });
}
