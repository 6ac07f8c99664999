import type { FeedRun, FeedTimes, RequestContext } from "../../context.ts";
import type { OfferedEntry } from "../../db/subscriptions/entry-rows.ts";
import { deleteFeedIfUnused, readFeed, updateFeed } from "../../db/subscriptions/feed-rows.ts";
import { offerEntries, primeSubscription, withdrawEntries } from "../../db/subscriptions/offered-entries.ts";
import { unprimedQuery } from "../../db/subscriptions/subscription-rows.ts";
import { describeError } from "../../lib/log.ts";
import { admitDue } from "./admit.ts";
import { backfillOf, inOrder } from "./backfill.ts";
import { type FeedMemory, type FeedState, type KeptEntry, NOTHING } from "./feed-memory.ts";
import { notifyFollowers } from "./notify-followers.ts";
import { offeredOf } from "./offered.ts";
import {
  type ReadSource,
  readSource,
  type SourceReading,
  SourceUnreadableError,
} from "./reading/read-source.ts";
import { nextPoll } from "./schedule.ts";
import { distinct, shortened } from "./source-entry.ts";
import { renewLease } from "./websub/renew-lease.ts";

/** Delay until the object acts again, in milliseconds; null if nobody follows the source. */
export type NextAlarm = number | null;

/** The database is read again after this, so that a lost object is made up for, in milliseconds. */
export const CHECK_MS = 24 * 60 * 60_000;
/** Reconcile wakes an object that did not read the database for this much longer. */
const CHECK_GRACE_MS = 30 * 60_000;
/** An alarm that is overdue for longer than this was lost, in milliseconds. */
export const LATE_MS = 5 * 60_000;
/** Readings in a row that fail before anybody is informed. */
const FAILURES = 3;
/** A forced reading after a shorter time reads nothing, in milliseconds. */
const RUN_AGAIN_MS = 5_000;
/** Share of a lease after which it is renewed. */
const RENEWED_AFTER = 0.8;
/** Subscriptions whose first entries are recorded in one go. */
const PRIMED_AT_ONCE = 50;
/** Subscriptions whose entries are admitted in one go; reconcile admits the others, too. */
const ADMITTED_AT_ONCE = 25;
/** Delay while there is more to do, in milliseconds. */
const MORE_MS = 200;
/** Delay after a first failure in the middle of a list, in milliseconds; doubled each time. */
const UNFINISHED_AGAIN_MS = 15_000;
/** Delay after a failure of the database, in milliseconds. */
const AGAIN_MS = 15_000;
/** Largest parameter of a statement that offers entries, in bytes: less for many subscriptions, whose rows it writes. */
const OFFER_BYTES = 200_000;

/**
 * Follows one source for all of its subscriptions: reads it on schedule, offers new entries to them, and records what it
 * lists when a subscription begins. While nothing changes, it asks the database for nothing. Its memory may be lost.
 */
export class FeedKeeper {
  readonly #id: string;
  readonly #memory: FeedMemory;
  #turn: Promise<unknown> = Promise.resolve();
  /** There may be entries to admit; if this is lost, reconcile admits them. */
  #hasOffered = false;

  constructor(id: string, memory: FeedMemory) {
    this.#id = id;
    this.#memory = memory;
  }

  /** A subscription was created, changed or deleted, or reconcile found the object silent. */
  wake(context: RequestContext): Promise<NextAlarm> {
    return this.#inTurn(() =>
      this.#soon(context, async () => {
        this.#hasOffered = true;
        return this.#act(context, await this.#load(context));
      }),
    );
  }

  /** The alarm. */
  ring(context: RequestContext): Promise<NextAlarm> {
    return this.#inTurn(() =>
      this.#soon(context, async () => {
        const known = await this.#memory.state();
        const isCurrent = known !== null && context.clock() < known.checkAt;
        return this.#act(context, isCurrent ? known : await this.#load(context));
      }),
    );
  }

  /** Reads the source now, unless that was done a moment ago. */
  run(context: RequestContext): Promise<{ result: FeedRun; next: NextAlarm }> {
    return this.#inTurn(async () => {
      const loaded = await this.#load(context);
      if (!loaded) return { result: { polledAt: null, newEntries: 0, error: null }, next: null };
      const state = await this.#settle(context, loaded);
      const isRecent = state.polledAt !== null && context.clock() - state.polledAt < RUN_AGAIN_MS;
      if (isRecent) {
        const { polledAt, error } = state;
        return { result: { polledAt, newEntries: 0, error }, next: await this.#act(context, state) };
      }
      const { after, found } = await this.#poll(context, state);
      const next = await this.#act(context, after);
      return { result: { polledAt: after.polledAt, newEntries: found, error: after.error }, next };
    });
  }

  /** Takes what a hub pushed: entries that the source has, among them new ones. */
  pushed(context: RequestContext, entries: readonly KeptEntry[]): Promise<NextAlarm> {
    return this.#inTurn(async () => {
      const loaded = (await this.#memory.state()) ?? (await this.#load(context));
      if (!loaded) return null;
      const state = await this.#settle(context, loaded);
      const before = (await this.#memory.entries(state)) ?? [];
      const known = new Map(before.map((entry) => [entry.key, entry]));
      const fresh = entries.filter(({ key }) => !known.has(key));
      // before the first reading, it is unknown what is new
      if (fresh.length === 0 || state.pieces === null) return this.#act(context, state);
      const all = [...fresh, ...before];
      const offered = await this.#offered(context, fresh);
      return this.#act(context, await this.#memory.saveReading(state, all, offered));
    });
  }

  /** A hub verified a lease: it is renewed when most of it is over. */
  leased(context: RequestContext, until: number): Promise<NextAlarm> {
    return this.#inTurn(async () => {
      const state = await this.#memory.state();
      if (!state) return null;
      const now = context.clock();
      const leased = {
        ...state,
        leaseUntil: until,
        leaseAt: now + Math.round((until - now) * RENEWED_AFTER),
      };
      await this.#memory.save(leased);
      return this.#act(context, leased);
    });
  }

  /** When the source was read and will be read; null without memory. */
  async peek(): Promise<FeedTimes | null> {
    const state = await this.#memory.state();
    return state && { polledAt: state.polledAt, nextPollAt: state.nextPollAt, leaseUntil: state.leaseUntil };
  }

  /** Does something, and soon again if the database or the storage fails. */
  async #soon(context: RequestContext, work: () => Promise<NextAlarm>): Promise<NextAlarm> {
    try {
      return await work();
    } catch (error) {
      context.log("feed_failed", { feed_id: this.#id, error: describeError(error) });
      return AGAIN_MS;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Reads the database; null if nobody follows the source. */
  async #load(context: RequestContext): Promise<FeedState | null> {
    const now = context.clock();
    const found = await readFeed(context.db, this.#id, now + CHECK_MS + CHECK_GRACE_MS);
    if (!found || found.followers === 0) {
      if (found) await deleteFeedIfUnused(context.db, this.#id);
      await this.#memory.clear();
      return null;
    }
    const { feed, schedules, unprimed, neighbour } = found;
    const known = await this.#memory.state();
    const url =
      known?.url ?? (await context.sealer.open(feed.sealed_url, { owner: this.#id, purpose: "feed.url" }));
    const base: FeedState = known ?? {
      ...NOTHING,
      url,
      kind: feed.kind,
      title: feed.title,
      chance: chanceOf(context),
      failingSince: feed.failing_since,
      failures: feed.failing_since === null ? 0 : FAILURES,
    };
    const { chance, polledAt } = base;
    const state: FeedState = {
      ...base,
      schedules,
      neighbour,
      isUnprimed: unprimed > 0,
      checkAt: now + CHECK_MS,
      nextPollAt: nextPoll(schedules, { lastAt: polledAt, now, chance }),
    };
    await this.#memory.save(state);
    return state;
  }

  /** Does what is due. */
  async #act(context: RequestContext, before: FeedState | null): Promise<NextAlarm> {
    if (!before) return null;
    let more = false;
    let state = await this.#settle(context, before);
    const isDue = state.nextPollAt !== null && state.nextPollAt <= context.clock();
    // the first entries of a paused subscription are recorded, too
    const isWanted = state.isUnprimed && state.pieces === null && state.failures === 0;
    if (isDue || isWanted) state = (await this.#poll(context, state)).after;
    if (state.isUnprimed && state.pieces !== null) {
      const primed = await this.#prime(context, state);
      more ||= primed.more;
      state = primed.after;
    }
    if (state.toReport !== null) state = await this.#notify(context, state);
    const lease = await renewLease(context, this.#id, state);
    if (lease) {
      state = { ...state, ...lease };
      await this.#memory.save(state);
    }
    if (this.#hasOffered) {
      const admitted = await admitDue(context, ADMITTED_AT_ONCE);
      this.#hasOffered = admitted.more;
      more ||= admitted.more;
    }
    if (more) return MORE_MS;
    const times = [state.checkAt, state.nextPollAt, state.nextPollAt === null ? null : state.leaseAt];
    const next = Math.min(...times.filter((time) => time !== null));
    return Math.max(0, next - context.clock());
  }

  /** Offers and withdraws what an earlier reading found, if that was interrupted. */
  async #settle(context: RequestContext, state: FeedState): Promise<FeedState> {
    if (state.freshPieces === 0 && state.gone.length === 0) return state;
    const now = context.clock();
    this.#hasOffered = true;
    const fresh = await this.#memory.fresh(state);
    await offerEntries(context.db, this.#id, fresh, { now, maxBytes: OFFER_BYTES });
    await withdrawEntries(context.db, this.#id, state.gone, now);
    const { polledAt, nextPollAt, etag, lastModified } = state;
    await updateFeed(context.db, this.#id, {
      ...{ polled_at: polledAt, next_poll_at: nextPollAt, etag, last_modified: lastModified },
    });
    const settled = { ...state, freshPieces: 0, gone: [] };
    await this.#memory.save(settled);
    return settled;
  }

  async #poll(context: RequestContext, before: FeedState): Promise<{ after: FeedState; found: number }> {
    // the objects watch over each other's alarms, which costs the database nothing
    const { neighbour = null } = before;
    if (neighbour !== null) context.defer(context.feeds.check(neighbour));
    const partial = await this.#memory.partialReading(before);
    let reading: SourceReading;
    try {
      reading = await readSource(context, before, partial);
    } catch (error) {
      if (!(error instanceof SourceUnreadableError)) {
        context.log("source_failed", { feed_id: this.#id, error: describeError(error) });
      }
      return { after: await this.#failed(context, partial.state, error), found: 0 };
    }
    const state = { ...partial.state, partial: null };
    const now = context.clock();
    if (reading.type === "unfinished") {
      const after = { ...partial.state, nextPollAt: now + MORE_MS };
      await this.#memory.save(after);
      return { after, found: 0 };
    }
    const chance = chanceOf(context);
    const next: FeedState = {
      ...state,
      polledAt: now,
      nextPollAt: nextPoll(state.schedules, { lastAt: now, now, chance }),
      chance,
      failures: 0,
      failingSince: null,
      error: null,
      toReport:
        state.failingSince === null ? (state.toReport === "failing" ? null : state.toReport) : "recovered",
    };
    context.log("feed_polled", { feed_id: this.#id, result: reading.type });
    if (reading.type === "unchanged") {
      await this.#memory.save(next);
      return { after: next, found: 0 };
    }
    return this.#changed(context, next, reading);
  }

  async #changed(
    context: RequestContext,
    state: FeedState,
    { kind, title, entries: listed, etag, lastModified, hub }: ReadSource,
  ): Promise<{ after: FeedState; found: number }> {
    const entries = distinct(listed).map(shortened);
    const before = await this.#memory.entries(state);
    const known = new Map((before ?? []).map((entry) => [entry.key, entry]));
    const last = before ? entries.findLastIndex(({ key }) => known.has(key)) : -1;
    const isFresh = (entry: KeptEntry) => known.get(entry.key)?.state !== entry.state;
    const fresh = entries.filter(isFresh);
    const tail =
      kind === "document" && last >= 0
        ? new Set(entries.slice(last + 1).map(({ key }) => key))
        : new Set<string>();
    const present = new Set(entries.map(({ key }) => key));
    const gone =
      kind === "list"
        ? (before ?? []).filter(({ key, state: wait }) => wait !== null && !present.has(key))
        : [];
    const isOther = state.kind !== kind || state.title !== title;
    if (isOther) await updateFeed(context.db, this.#id, { kind, title });
    const next = { ...state, kind, title, etag, lastModified, hub, gone: gone.map(({ key }) => key) };
    if (before && fresh.length === 0 && gone.length === 0 && before.length === entries.length) {
      await this.#memory.save(next);
      return { after: next, found: 0 };
    }
    const offered = await this.#offered(context, fresh, tail);
    const saved = await this.#memory.saveReading(next, entries, offered);
    return { after: await this.#settle(context, saved), found: fresh.length };
  }

  #offered(
    context: RequestContext,
    fresh: readonly KeptEntry[],
    tail: ReadonlySet<string> = new Set(),
  ): Promise<OfferedEntry[]> {
    const now = context.clock();
    return Promise.all(
      inOrder(fresh).map((entry, index) =>
        offeredOf(context, this.#id, entry, { position: now + index, isTail: tail.has(entry.key) }),
      ),
    );
  }

  async #failed(context: RequestContext, state: FeedState, error: unknown): Promise<FeedState> {
    const now = context.clock();
    const failures = state.failures + 1;
    const chance = chanceOf(context);
    const next = nextPoll(state.schedules, { lastAt: now, now, chance });
    const wait = error instanceof SourceUnreadableError ? (error.retryAfterMs ?? 0) : 0;
    const sentence = error instanceof SourceUnreadableError ? error.message : "The source could not be read";
    const isNew = failures === FAILURES;
    // a list that broke off in the middle is read on before the next reading is due
    const soon = state.partial ? now + UNFINISHED_AGAIN_MS * 2 ** failures : Number.POSITIVE_INFINITY;
    const after: FeedState = {
      ...state,
      polledAt: now,
      chance,
      nextPollAt: next === null ? null : Math.max(Math.min(next, soon), now + wait),
      failures,
      error: sentence,
      failingSince: failures >= FAILURES ? (state.failingSince ?? now) : null,
      toReport: isNew ? "failing" : state.toReport,
    };
    await this.#memory.save(after);
    return after;
  }

  /** Informs those who follow the source that it fails, or works again. */
  async #notify(context: RequestContext, state: FeedState): Promise<FeedState> {
    const isFailing = state.toReport === "failing";
    await updateFeed(context.db, this.#id, {
      failing_since: isFailing ? state.failingSince : null,
      last_error: isFailing ? state.error : null,
    });
    await notifyFollowers(
      context,
      this.#id,
      isFailing ? { error: state.error ?? "", since: state.failingSince ?? 0 } : null,
    );
    const notified = { ...state, toReport: null };
    await this.#memory.save(notified);
    return notified;
  }

  /** Records the entries that the source has for subscriptions that begin. */
  async #prime(context: RequestContext, state: FeedState): Promise<{ after: FeedState; more: boolean }> {
    this.#hasOffered = true;
    const now = context.clock();
    const rows = await unprimedQuery(context.db, this.#id, PRIMED_AT_ONCE);
    const ordered = inOrder((await this.#memory.entries(state)) ?? []);
    const offered = await Promise.all(
      ordered.map((entry, index) =>
        offeredOf(context, this.#id, entry, { position: now - ordered.length + index, isTail: false }),
      ),
    );
    for (const { id, backfill, created_at } of rows) {
      const statuses = backfillOf(backfill, ordered, created_at);
      const primed = offered.map((entry) => ({
        ...entry,
        status: statuses.get(entry.key) ?? ("seen" as const),
      }));
      await primeSubscription(context.db, id, primed, now);
    }
    const more = rows.length === PRIMED_AT_ONCE;
    const after = { ...state, isUnprimed: more };
    await this.#memory.save(after);
    return { after, more };
  }
}

/** A number from 0 to 1. */
function chanceOf({ random }: RequestContext): number {
  const [high = 0, low = 0] = random(2);
  return (high * 256 + low) / 65_535;
}
