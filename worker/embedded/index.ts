import { waitUntil } from "cloudflare:workers";
import type { Env } from "../env.ts";
import worker, { ProcessorInstance, Batch as WorkersBatch, Feed as WorkersFeed } from "../index.ts";
import { consoleLog } from "../lib/log.ts";
import { type Database, Database as DatabaseObject } from "./database.ts";
import { createGroupCommit } from "./group-commit.ts";
import { createLocalD1 } from "./local-d1.ts";
import { shareConsole } from "./shared-console.ts";
import { createSharedQueue } from "./shared-queue.ts";

/**
 * The Worker of a self-hosted installation: the one that runs on Cloudflare, on a platform that costs less where there is
 * one machine only. D1 and the limiters shared by isolates are replaced, and what requests cost one by one (calls of the database and of
 * queues, log lines) they share. Everything else is the platform's.
 */

export { DatabaseObject as Database, ProcessorInstance };

/** What the embedded platform binds. */
interface EmbeddedEnv extends Env {
  readonly DATABASE: DurableObjectNamespace<Database>;
  /** S3 interface of the managed bucket. */
  readonly STORAGE: Fetcher;
  /** Path below which {@link EmbeddedEnv.STORAGE} answers. */
  readonly STORAGE_PATH: string;
}

shareConsole(waitUntil);

/** Name of the one database. */
const DATABASE_NAME = "DB";

/** The Worker counts requests itself, and there is no other isolate whose requests would have to be added. */
const UNLIMITED: RateLimit = { limit: async () => ({ success: true }) };

/** Services are cached by environment, so it must be the same object each time. */
const environments = new WeakMap<object, Env>();

function environmentOf(embedded: EmbeddedEnv): Env {
  const known = environments.get(embedded);
  if (known !== undefined) return known;
  const id = embedded.DATABASE.idFromName(DATABASE_NAME);
  const call = async (group: number) => await embedded.DATABASE.get(id).run(group);
  const db = createLocalD1(createGroupCommit({ call, waitUntil }));
  const shared = { waitUntil, log: consoleLog };
  const replaced: Pick<Env, "DB" | "DISPATCH_QUEUE" | "DELIVERY_QUEUE" | "READ_RATE" | "WRITE_RATE"> = {
    DB: db,
    DISPATCH_QUEUE: createSharedQueue(embedded.DISPATCH_QUEUE, shared),
    DELIVERY_QUEUE: createSharedQueue(embedded.DELIVERY_QUEUE, shared),
    READ_RATE: UNLIMITED,
    WRITE_RATE: UNLIMITED,
  };
  const env = { ...embedded, ...replaced } as Env;
  environments.set(embedded, env);
  return env;
}

export class Batch extends WorkersBatch {
  constructor(ctx: DurableObjectState, embedded: Env) {
    super(ctx, environmentOf(embedded as unknown as EmbeddedEnv));
  }
}

export class Feed extends WorkersFeed {
  constructor(ctx: DurableObjectState, embedded: Env) {
    super(ctx, environmentOf(embedded as unknown as EmbeddedEnv));
  }
}

export default {
  fetch(request, embedded, ctx) {
    const { pathname } = new URL(request.url);
    return pathname.startsWith(`${embedded.STORAGE_PATH}/`)
      ? embedded.STORAGE.fetch(request)
      : worker.fetch(request, environmentOf(embedded), ctx);
  },
  queue: (batch, embedded, ctx) => worker.queue(batch, environmentOf(embedded), ctx),
  scheduled: (controller, embedded, ctx) => worker.scheduled(controller, environmentOf(embedded), ctx),
} satisfies ExportedHandler<EmbeddedEnv>;
