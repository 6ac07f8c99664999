import type { FeedObjects, FeedRun, FeedTimes, RequestContext } from "../../../worker/context.ts";
import { FeedKeeper, LATE_MS, type NextAlarm } from "../../../worker/services/subscriptions/feed-keeper.ts";
import { FeedMemory } from "../../../worker/services/subscriptions/feed-memory.ts";
import type { SourceEntry } from "../../../worker/services/subscriptions/source-entry.ts";

/** What the objects of sources need. */
interface Platform {
  readonly clock: () => number;
  /** A context, and what waits for the work that it deferred. */
  readonly open: () => { readonly context: RequestContext; readonly settled: () => Promise<void> };
}

/** Replace the objects of sources: the same logic, with storage and alarms that a test controls. */
export class SimulatedFeeds implements FeedObjects {
  readonly #keepers = new Map<string, FeedKeeper>();
  readonly #stores = new Map<string, Map<string, unknown>>();
  readonly #platform: Platform;
  /** When the objects act again, in epoch milliseconds. */
  readonly alarms = new Map<string, number>();
  /** No call arrives: all are lost. */
  areAway = false;
  /** The process dies at the next write of an object. */
  dieAtNextWrite = false;
  /** Checks of alarms. */
  checks = 0;
  /** Processes that died at a write. */
  deaths = 0;
  #isDead = false;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** The process dies: what was stored stays, and so do the alarms. */
  die(): void {
    this.#keepers.clear();
  }

  /** The objects are lost with all that they stored. */
  lose(): void {
    this.die();
    this.#stores.clear();
    this.alarms.clear();
  }

  check = async (feedId: string): Promise<void> => {
    this.checks += 1;
    const alarmAt = this.alarms.get(feedId);
    if (alarmAt === undefined || alarmAt < this.#platform.clock() - LATE_MS) await this.wake(feedId);
  };

  wake = (feedId: string): Promise<void> => this.#with(feedId, (keeper, context) => keeper.wake(context));

  run = async (feedId: string): Promise<FeedRun> => {
    let run: FeedRun = { polledAt: null, newEntries: 0, error: null };
    await this.#with(feedId, async (keeper, context) => {
      const { result, next } = await keeper.run(context);
      run = result;
      return next;
    });
    return run;
  };

  pushed = (feedId: string, entries: readonly SourceEntry[]): Promise<void> =>
    this.#with(feedId, (keeper, context) => keeper.pushed(context, entries));

  leased = (feedId: string, until: number): Promise<void> =>
    this.#with(feedId, (keeper, context) => keeper.leased(context, until));

  peek = (feedId: string): Promise<FeedTimes | null> => this.#keeperOf(feedId).peek();

  /** Fires the alarms that are due. */
  async ring(): Promise<void> {
    const now = this.#platform.clock();
    const due: string[] = [];
    for (const [feedId, at] of this.alarms) if (at <= now) due.push(feedId);
    for (const feedId of due) await this.#with(feedId, (keeper, context) => keeper.ring(context));
  }

  /** The earliest alarm; infinite without any. */
  get nextAlarm(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const at of this.alarms.values()) next = Math.min(next, at);
    return next;
  }

  #keeperOf(feedId: string): FeedKeeper {
    const known = this.#keepers.get(feedId);
    if (known) return known;
    const store = this.#stores.get(feedId) ?? new Map<string, unknown>();
    this.#stores.set(feedId, store);
    const keeper = new FeedKeeper(
      feedId,
      new FeedMemory({
        get: async (name) => store.get(name),
        put: async (values) => {
          if (this.dieAtNextWrite) {
            this.dieAtNextWrite = false;
            this.#isDead = true;
            this.deaths += 1;
          }
          if (this.#isDead) throw new Error("the process is dead");
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
    const { context, settled } = this.#platform.open();
    // an alarm whose handler dies rings again
    this.alarms.set(feedId, this.#platform.clock());
    const next = await act(this.#keeperOf(feedId), context).catch((error: unknown) => {
      if (this.#isDead) return 0;
      throw error;
    });
    await settled();
    if (this.#isDead) {
      this.#isDead = false;
      this.die();
    } else if (next === null) this.alarms.delete(feedId);
    else this.alarms.set(feedId, this.#platform.clock() + next);
  }
}
