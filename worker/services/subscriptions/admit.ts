import type { RequestContext } from "../../context.ts";
import { addDeliveries } from "../../db/delivery-rows.ts";
import {
  type Admission,
  admitEntries,
  type Decision,
  decideEntries,
  entryIsOpen,
  readAdmission,
  takenNames,
} from "../../db/subscriptions/admitted-entries.ts";
import type { EntryRow } from "../../db/subscriptions/entry-rows.ts";
import {
  endAdmission,
  ownersQuery,
  type SubscriptionRow,
  takeAdmissionsQuery,
} from "../../db/subscriptions/subscription-rows.ts";
import { ApiError } from "../../lib/api-error.ts";
import { describeError } from "../../lib/log.ts";
import type { Account } from "../accounts/key-cache.ts";
import { nameKey, withNumber } from "../batches/names.ts";
import { acceptJobs } from "../intake/accept-jobs.ts";
import type { PreparedJob } from "../intake/prepare-job.ts";
import { sendDeliveryMessages } from "../queue/sender.ts";
import { denialsOfSources } from "../rights/require-allowed.ts";
import { checkStorage, type VerifiedStorage } from "../storage/verify/verify-storage.ts";
import { sourceOf } from "./create.ts";
import { deliveryOf, entryEvent } from "./events.ts";
import { type Judge, judgeOf } from "./filters.ts";
import { jobOf } from "./job-of.ts";
import { openEntryUrls } from "./offered.ts";
import { openSecrets, type SubscriptionSecrets } from "./secrets.ts";

/** Jobs of one subscription that may be unfinished: a long backfill must not fill the queue of its account. */
const WINDOW = 100;
/** Entries that are looked at in one go. */
const PAGE = 50;
/** Longer than an admission takes, in milliseconds: the owner of an older one is dead. */
const CLAIM_MS = 60_000;
/** Delay while the window is full, in milliseconds; the end of a job brings it forward. */
const FULL_MS = 60_000;
/** Delay after a refusal that names none, in milliseconds. */
const REFUSED_MS = 5 * 60_000;
/** Further pages of one subscription in one go. */
const MAX_PAGES = 4;

/** Admits entries of the subscriptions that have some: each becomes a job, once. @returns how many subscriptions, and whether there are more */
export async function admitDue(
  context: RequestContext,
  limit: number,
): Promise<{ count: number; more: boolean }> {
  const now = context.clock();
  const taken = await takeAdmissionsQuery(context.db, now, now + CLAIM_MS, limit);
  if (taken.length === 0) return { count: 0, more: false };
  const owners = await ownersQuery(context.db, [...new Set(taken.map(({ account_id }) => account_id))]);
  for (const subscription of taken) {
    const owner = owners.find(({ id }) => id === subscription.account_id);
    await admit(context, subscription, owner, now + CLAIM_MS);
  }
  return { count: taken.length, more: taken.length === limit };
}

type Owner = Awaited<ReturnType<typeof ownersQuery>>[number];

async function admit(
  context: RequestContext,
  subscription: SubscriptionRow,
  owner: Owner | undefined,
  claimed: number,
): Promise<void> {
  const { id } = subscription;
  let next: number | null = null;
  let error: string | null = null;
  try {
    if (!owner || owner.disabled_at !== null) {
      error = "The account is disabled";
      next = context.clock() + REFUSED_MS;
    } else {
      next = await new Admitting(context, subscription, owner).all();
    }
  } catch (thrown) {
    const isRefusal = thrown instanceof ApiError;
    error = isRefusal ? thrown.message : "Entries could not be accepted; this is tried again";
    const asked = isRefusal ? (thrown.retryAfterSeconds ?? 0) * 1000 : 0;
    next = context.clock() + Math.max(asked, isRefusal && asked > 0 ? FULL_MS / 2 : REFUSED_MS);
    context.log("admission_failed", { subscription_id: id, error: describeError(thrown) });
  }
  await endAdmission(context.db, { id, claimed, next, error, now: context.clock() });
}

/** A prepared job of an entry. */
interface Candidate {
  readonly entry: EntryRow;
  readonly prepared: PreparedJob;
  readonly admission: Admission;
}

/** One admission of one subscription. */
class Admitting {
  readonly #context: RequestContext;
  readonly #subscription: SubscriptionRow;
  readonly #account: Account;
  #episodes: number;

  constructor(context: RequestContext, subscription: SubscriptionRow, { id, source, limits }: Owner) {
    this.#context = context;
    this.#subscription = subscription;
    this.#episodes = subscription.episodes;
    const { key_id: keyId } = subscription;
    this.#account = { id, source, limits, keyId, scopes: null, allowedIps: null, expiresAt: null };
  }

  /** @returns when there is more to do; null if there is nothing */
  async all(): Promise<number | null> {
    const judge = await judgeOf(this.#subscription.filters);
    const secrets = await openSecrets(this.#context, this.#subscription);
    for (let page = 0; page < MAX_PAGES; page++) {
      const now = this.#context.clock();
      const found = await readAdmission(this.#context.db, this.#subscription.id, now, PAGE);
      const room = Math.max(0, WINDOW - found.queued);
      const due = [...found.waiting, ...found.fresh.slice(0, PAGE)];
      const decided = await this.#decide(due, judge, secrets);
      const deliverable = due.filter(({ id }) => !decided.has(id));
      if (deliverable.length > 0 && room > 0) await this.#accept(deliverable.slice(0, room), secrets);
      if (deliverable.length > room) return now + FULL_MS;
      if (found.fresh.length <= PAGE) return found.nextCheckAt;
    }
    return this.#context.clock();
  }

  /** Decides on entries that get no job now. @returns their ids */
  async #decide(
    entries: readonly EntryRow[],
    judge: Judge,
    { job }: SubscriptionSecrets,
  ): Promise<ReadonlySet<string>> {
    const decisions: Decision[] = [];
    const notified: { entry: EntryRow; status: "waiting" | "removed"; reason: string | null }[] = [];
    for (const entry of entries) {
      const { id, reason } = entry;
      const filter = judge(entry);
      // an entry that is tried again keeps the error code of its last job
      const isTriedAgain = entry.status === "waiting";
      const isRecorded = reason === "live" && job.live_recording === true;
      if (reason === "removed" && !isTriedAgain) {
        decisions.push({ id, status: "removed", reason: null, check_at: null });
        notified.push({ entry, status: "removed", reason: null });
      } else if (filter !== null) {
        decisions.push({ id, status: "filtered", reason: filter, check_at: null });
      } else if (reason !== null && !isTriedAgain && !isRecorded) {
        decisions.push({ id, status: "waiting", reason, check_at: null });
        notified.push({ entry, status: "waiting", reason });
      }
    }
    if (decisions.length === 0) return new Set();
    const context = this.#context;
    const deliveries = notified.flatMap(({ entry, ...facts }) => {
      const event = entryEvent(this.#subscription, entry, { ...facts, job_id: null });
      return deliveryOf(context, this.#subscription, event) ?? [];
    });
    const decide = decideEntries(context.db, decisions, context.clock());
    await context.db.batch([decide, ...addDeliveries(context.db, deliveries)] as unknown as [typeof decide]);
    if (deliveries.length > 0) {
      context.defer(
        sendDeliveryMessages(
          context,
          deliveries.map(({ id }) => id),
        ),
      );
    }
    return new Set(decisions.map(({ id }) => id));
  }

  async #accept(entries: readonly EntryRow[], secrets: SubscriptionSecrets): Promise<void> {
    const { storage: inline } = secrets.job;
    const storage = inline && {
      storage: inline,
      target: checkStorage(this.#context, inline, "storage"),
      adjustments: [],
    };
    const candidates = await this.#prepare(entries, secrets);
    // all jobs of a call are accepted or none, so an account with little room takes fewer at a time
    for (let size = candidates.length, start = 0; start < candidates.length; ) {
      const share = candidates.slice(start, start + size);
      try {
        await this.#store(share, storage);
        start += share.length;
      } catch (error) {
        const isTooMany =
          error instanceof ApiError && (error.code === "too_many_jobs" || error.code === "quota_exceeded");
        if (!isTooMany || size === 1) throw error;
        size = Math.ceil(size / 2);
      }
    }
  }

  async #store(candidates: readonly Candidate[], storage: VerifiedStorage | undefined): Promise<void> {
    const context = this.#context;
    const subscription = this.#subscription;
    const admissions = candidates.map(({ admission }) => admission);
    const deliveries = candidates.flatMap(({ entry }) => {
      const event = entryEvent(subscription, entry, { status: "queued", job_id: entry.job_id, reason: null });
      return deliveryOf(context, subscription, event) ?? [];
    });
    await acceptJobs(
      context,
      this.#account,
      candidates.map(({ prepared }) => prepared),
      {
        ids: admissions.map(({ job_id }) => job_id),
        storage,
        condition: entryIsOpen,
        alongside: (db) => [
          ...addDeliveries(db, deliveries, admissions[0]?.job_id),
          ...admitEntries(subscription.id, admissions, context.clock())(db),
        ],
      },
    );
    if (deliveries.length > 0) {
      context.defer(
        sendDeliveryMessages(
          context,
          deliveries.map(({ id }) => id),
        ),
      );
    }
    context.log("entries_admitted", { subscription_id: subscription.id, jobs: admissions.length });
  }

  /** An entry that no job can be made of, such as one with a private address, fails for good. */
  async #prepare(entries: readonly EntryRow[], secrets: SubscriptionSecrets): Promise<Candidate[]> {
    const context = this.#context;
    const failed: Decision[] = [];
    const named: { entry: EntryRow; episode: number; prepared: PreparedJob }[] = [];
    const denied = await this.#denied(entries, secrets);
    failed.push(...denied);
    const isDenied = new Set(denied.map(({ id }) => id));
    for (const entry of entries.filter(({ id }) => !isDenied.has(id))) {
      const episode = entry.episode ?? this.#episodes + 1;
      try {
        const prepared = await jobOf(context, this.#account, this.#subscription, { entry, episode, secrets });
        this.#episodes = Math.max(this.#episodes, episode);
        named.push({ entry, episode, prepared });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        failed.push({ id: entry.id, status: "failed", reason: error.message, check_at: null });
      }
    }
    if (failed.length > 0) await decideEntries(context.db, failed, context.clock());
    const wanted = named.map(({ prepared }) => prepared.request.filename);
    const keyOf = (name: string, folder: string | undefined) => nameKey(`${folder ?? ""}/${name}`);
    const keys = named.flatMap(({ prepared }, index) => {
      const name = wanted[index];
      return name === undefined ? [] : [keyOf(name, prepared.request.folder)];
    });
    const taken = new Set(await this.#takenNames(keys));
    return named.map(({ entry, episode, prepared }, index) => {
      const name = wanted[index];
      const link = { id: entry.id, job_id: entry.job_id, episode };
      if (name === undefined || entry.name_key !== null) {
        return { entry, prepared, admission: { ...link, name_key: entry.name_key } };
      }
      const { folder } = prepared.request;
      let unique = name;
      // no number can be free twice, because each entry has one of its own
      if (taken.has(keyOf(unique, folder))) unique = withNumber(name, episode);
      taken.add(keyOf(unique, folder));
      const admission = { ...link, name_key: keyOf(unique, folder) };
      return unique === name
        ? { entry, prepared, admission }
        : { entry, prepared: renamed(prepared, name, unique), admission };
    });
  }

  /** Entries of a source that the operator denies, and those that lead to one, get no job. */
  async #denied(entries: readonly EntryRow[], { url: source }: SubscriptionSecrets): Promise<Decision[]> {
    const context = this.#context;
    if (entries.length === 0 || (await context.denials.isEmpty(context))) return [];
    const { feed_id } = this.#subscription;
    const urls = await Promise.all(entries.map((entry) => openEntryUrls(context, feed_id, entry)));
    const found = await denialsOfSources(
      context,
      urls.map(({ url, media_url }) => [source, sourceOf(source), url, media_url]),
    );
    return entries.flatMap(({ id }, index) =>
      found[index] ? [{ id, status: "failed" as const, reason: "denied", check_at: null }] : [],
    );
  }

  async #takenNames(keys: readonly string[]): Promise<string[]> {
    return keys.length === 0 ? [] : takenNames(this.#context.db, this.#subscription.id, keys);
  }
}

const renamed = (prepared: PreparedJob, from: string, to: string): PreparedJob => ({
  ...prepared,
  request: { ...prepared.request, filename: to },
  echo: { ...prepared.echo, filename: to },
  adjustments: [
    ...prepared.adjustments,
    { field: "filename", from, to, reason: "Another file of this subscription has this name" },
  ],
});
