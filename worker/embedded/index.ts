import { DurableObject, waitUntil } from "cloudflare:workers";
import type { Env } from "../env.ts";
import worker, { ProcessorInstance, Batch as WorkersBatch, Feed as WorkersFeed } from "../index.ts";
import { consoleLog } from "../lib/log.ts";
import { type Database, Database as DatabaseObject } from "./database.ts";
import { createGroupCommit } from "./group-commit.ts";
import { createLocalD1 } from "./local-d1.ts";
import { MemoryQueue } from "./memory-queue.ts";
import { shareConsole } from "./shared-console.ts";
import { createSharedQueue } from "./shared-queue.ts";

/**
 * The Worker of a self-hosted installation: the one that runs on Cloudflare, on a platform that costs less where there is
 * one machine only. D1, queues and the limiters shared by isolates are replaced, and what requests cost one by one (calls of the
 * database and of queues, log lines) they share. Everything else is the platform's.
 */

export { DatabaseObject as Database, ProcessorInstance };

/** What the embedded platform binds. */
interface EmbeddedEnv extends Env {
  readonly DATABASE: DurableObjectNamespace<Database>;
  readonly QUEUES: DurableObjectNamespace<Queues>;
  readonly DISPATCH_QUEUE_NAME: string;
  readonly DELIVERY_QUEUE_NAME: string;
  /** S3 interface of the managed bucket. */
  readonly STORAGE: Fetcher;
  /** Path below which {@link EmbeddedEnv.STORAGE} answers. */
  readonly STORAGE_PATH: string;
}

shareConsole(waitUntil);

/** Name of the one database. */
const DATABASE_NAME = "DB";
/** Name of the one object that holds all queues. */
const QUEUES_NAME = "queues";

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
  const queues = () => embedded.QUEUES.get(embedded.QUEUES.idFromName(QUEUES_NAME));
  const queueOf = (name: string) =>
    createSharedQueue({
      send: async (messages) => await queues().send(name, messages),
      backlogCount: async () => await queues().backlogCount(name),
      waitUntil,
      log: consoleLog,
    });
  const replaced: Pick<Env, "DB" | "DISPATCH_QUEUE" | "DELIVERY_QUEUE" | "READ_RATE" | "WRITE_RATE"> = {
    DB: db,
    DISPATCH_QUEUE: queueOf(embedded.DISPATCH_QUEUE_NAME),
    DELIVERY_QUEUE: queueOf(embedded.DELIVERY_QUEUE_NAME),
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

/** The queues, in the memory of an object that lives as long as the process. Requests end, and their timers with them. */
export class Queues extends DurableObject<EmbeddedEnv> {
  readonly #queues = new Map<string, MemoryQueue>();

  send(queue: string, messages: readonly MessageSendRequest<unknown>[]): void {
    this.#queueOf(queue).send(messages);
  }

  backlogCount(queue: string): number {
    return this.#queueOf(queue).backlogCount;
  }

  #queueOf(name: string): MemoryQueue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = new MemoryQueue({
      name,
      consume: (batch) =>
        worker.queue(batch, environmentOf(this.env), this.ctx as unknown as ExecutionContext),
      waitUntil: (work) => this.ctx.waitUntil(work),
      log: consoleLog,
    });
    this.#queues.set(name, queue);
    return queue;
  }
}

export default {
  fetch(request, embedded, ctx) {
    const { url } = request;
    return url.startsWith(`${embedded.STORAGE_PATH}/`, url.indexOf("/", "https://".length))
      ? embedded.STORAGE.fetch(request)
      : worker.fetch(request, environmentOf(embedded), ctx);
  },
  scheduled: (controller, embedded, ctx) => worker.scheduled(controller, environmentOf(embedded), ctx),
} satisfies ExportedHandler<EmbeddedEnv>;
