import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import type { FeedObjects, FeedRun, FeedTimes, RequestContext } from "../../../worker/context.ts";
import { FeedKeeper, type NextAlarm } from "../../../worker/services/subscriptions/feed-keeper.ts";
import { FeedMemory } from "../../../worker/services/subscriptions/feed-memory.ts";
import type { SourceEntry } from "../../../worker/services/subscriptions/source-entry.ts";

/** What a call may be stopped at. */
export class KilledError extends Error {
  override readonly name = "KilledError";
}

/** Replace the objects of sources: the same logic, with storage and alarms that the test controls. */
export class LocalFeeds implements FeedObjects {
  readonly #keepers = new Map<string, FeedKeeper>();
  readonly #open: (ctx: ExecutionContext) => RequestContext;
  readonly #clock: () => number;
  /** What the objects stored, by feed. */
  readonly stores = new Map<string, Map<string, unknown>>();
  /** When the objects act again, in epoch milliseconds. */
  readonly alarms = new Map<string, number>();
  /** No call arrives: all are lost. */
  areAway = false;
  /** Called before each write of an object; may throw, as if the process died there. */
  onWrite: () => void = () => {};

  constructor(open: (ctx: ExecutionContext) => RequestContext, clock: () => number) {
    this.#open = open;
    this.#clock = clock;
  }

  /** The process dies: what was stored stays, and so do the alarms. */
  die(): void {
    this.#keepers.clear();
  }

  /** The objects are lost with all that they stored. */
  lose(): void {
    this.die();
    this.stores.clear();
    this.alarms.clear();
  }

  async wake(feedId: string): Promise<void> {
    await this.#with(feedId, (keeper, context) => keeper.wake(context));
  }

  async run(feedId: string): Promise<FeedRun> {
    let run: FeedRun | undefined;
    await this.#with(feedId, async (keeper, context) => {
      const { result, next } = await keeper.run(context);
      run = result;
      return next;
    });
    if (!run) throw new Error("the reading has no result");
    return run;
  }

  async pushed(feedId: string, entries: readonly SourceEntry[]): Promise<void> {
    await this.#with(feedId, (keeper, context) => keeper.pushed(context, entries));
  }

  async leased(feedId: string, until: number): Promise<void> {
    await this.#with(feedId, (keeper, context) => keeper.leased(context, until));
  }

  peek(feedId: string): Promise<FeedTimes | null> {
    return this.#keeperOf(feedId).peek();
  }

  /** Fires the alarms that are due. @returns how many */
  async ring(): Promise<number> {
    const due = [...this.alarms].filter(([, at]) => at <= this.#clock());
    for (const [feedId] of due) await this.#with(feedId, (keeper, context) => keeper.ring(context));
    return due.length;
  }

  /** The earliest alarm; infinite without any. */
  get nextAlarm(): number {
    return Math.min(...this.alarms.values());
  }

  #keeperOf(feedId: string): FeedKeeper {
    const known = this.#keepers.get(feedId);
    if (known) return known;
    const store = this.stores.get(feedId) ?? new Map<string, unknown>();
    this.stores.set(feedId, store);
    const keeper = new FeedKeeper(
      feedId,
      new FeedMemory({
        get: async (name) => structuredClone(store.get(name)),
        put: async (values) => {
          this.onWrite();
          for (const [name, value] of Object.entries(values)) store.set(name, structuredClone(value));
        },
        deleteAll: async () => store.clear(),
      }),
    );
    this.#keepers.set(feedId, keeper);
    return keeper;
  }

  async #with(
    feedId: string,
    act: (keeper: FeedKeeper, context: RequestContext) => Promise<NextAlarm>,
  ): Promise<void> {
    if (this.areAway) throw new Error("the object is away");
    const ctx = createExecutionContext();
    // a call that dies leaves an alarm behind, as the platform's do
    this.alarms.set(feedId, this.#clock());
    const next = await act(this.#keeperOf(feedId), this.#open(ctx));
    await waitOnExecutionContext(ctx);
    if (next === null) this.alarms.delete(feedId);
    else this.alarms.set(feedId, this.#clock() + next);
  }
}
