import { DurableObject } from "cloudflare:workers";
import { createContext, servicesOf } from "../composition.ts";
import type { FeedRun, FeedTimes } from "../context.ts";
import type { Env, FeedRpc } from "../env.ts";
import { FeedKeeper, LATE_MS, type NextAlarm } from "../services/subscriptions/feed-keeper.ts";
import { FeedMemory } from "../services/subscriptions/feed-memory.ts";
import type { SourceEntry } from "../services/subscriptions/source-entry.ts";

/** Delay after a failure that nobody foresaw, in milliseconds. */
const AGAIN_MS = 15_000;

/**
 * Follows one source for all of its subscriptions; its name is the feed's id. The database is the truth; the object stores
 * what it read, so that it need not ask the database while nothing changes, and an alarm.
 */
export class Feed extends DurableObject<Env> implements FeedRpc {
  #keeper: FeedKeeper | null = null;

  /** See `FeedObjects`. */
  async wake(feedId: string): Promise<void> {
    await this.#act(feedId, (keeper) => keeper.wake(this.#context()));
  }

  async check(feedId: string): Promise<void> {
    const alarmAt = await this.ctx.storage.getAlarm();
    if (alarmAt === null || alarmAt < Date.now() - LATE_MS) await this.wake(feedId);
  }

  async run(feedId: string): Promise<FeedRun> {
    const { result, next } = await (await this.#keeperOf(feedId)).run(this.#context());
    await this.#ringLater(next);
    return result;
  }

  async pushed(feedId: string, entries: readonly SourceEntry[]): Promise<void> {
    await this.#act(feedId, (keeper) => keeper.pushed(this.#context(), entries));
  }

  async leased(feedId: string, until: number): Promise<void> {
    await this.#act(feedId, (keeper) => keeper.leased(this.#context(), until));
  }

  async peek(feedId: string): Promise<FeedTimes | null> {
    return (await this.#keeperOf(feedId)).peek();
  }

  override async alarm(): Promise<void> {
    const feedId = await this.ctx.storage.get<string>("feed_id");
    if (feedId !== undefined) await this.#act(feedId, (keeper) => keeper.ring(this.#context()));
  }

  async #act(feedId: string, act: (keeper: FeedKeeper) => Promise<NextAlarm>): Promise<void> {
    let next: NextAlarm = AGAIN_MS;
    try {
      next = await act(await this.#keeperOf(feedId));
    } finally {
      await this.#ringLater(next);
    }
  }

  async #ringLater(next: NextAlarm): Promise<void> {
    if (next === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(Date.now() + next);
  }

  async #keeperOf(feedId: string): Promise<FeedKeeper> {
    if (this.#keeper) return this.#keeper;
    const { storage } = this.ctx;
    const memory = new FeedMemory({
      get: (name) => storage.get(name),
      put: (values) => storage.put({ ...values, feed_id: feedId }),
      deleteAll: () => storage.deleteAll(),
    });
    this.#keeper = new FeedKeeper(feedId, memory);
    return this.#keeper;
  }

  #context() {
    return createContext(servicesOf(this.env), (work) => this.ctx.waitUntil(work));
  }
}
