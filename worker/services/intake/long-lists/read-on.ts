import type { RequestContext } from "../../../context.ts";
import { readCounts } from "../../../db/batch-flight.ts";
import { type BatchListingRow, ENDED, moveListing } from "../../../db/listings/listing-rows.ts";
import { readListing } from "../../../db/listings/store-entries.ts";
import { ApiError } from "../../../lib/api-error.ts";
import { describeError } from "../../../lib/log.ts";
import { FileNames } from "../../batches/names.ts";
import { type ListPart, type ListRange, MAX_LISTED, noEntries } from "../../sources/listing/listing.ts";
import { recognise } from "../../sources/listing/recognise.ts";
import { prepareOptions } from "../prepare-job.ts";
import { appendEntries, type ListingChange, type OpenListing } from "./append-entries.ts";
import { openRequest } from "./kept-request.ts";
import { type KeyedEntry, KnownEntries, keyed } from "./known-entries.ts";

/** Entries that are stored together. */
const PART = 1_000;
/** Longest time of one reading, in milliseconds: less than an alarm of an object may take. */
const READING_MS = 10 * 60_000;
/** Entries before the position that are read again, so that a list that became shorter in front of it loses none. */
const OVERLAP = 200;
/** Entries that are looked at together when the beginning of the list is read again. */
const HEAD = 100;
/** Readings in a row that may fail without a new entry: for more than an hour. */
const MAX_FAILURES = 10;
/** The same if the source refuses the list for good: it may be mistaken. */
const MAX_REFUSALS = 3;
/** Delay after the first failure, in milliseconds; doubled each time, up to the longest. */
const FIRST_DELAY_MS = 10_000;
const LONGEST_DELAY_MS = 30 * 60_000;
/** Delay while the account's quota is used up and jobs of the batch may leave room in it, in milliseconds. */
const QUOTA_DELAY_MS = 5 * 60_000;

interface ReadingOn {
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Called after entries were stored. */
  readonly onStored: () => Promise<unknown>;
}

/**
 * Reads the list of a batch from where the last reading ended, and stores its entries part by part. The database says how
 * far it was read, so a process that dies anywhere repeats a part of the reading, and never its effect: an entry that has
 * a job is known by its identity. Failures are noted, and the next reading is due after a delay; the last one ends the
 * listing, and the batch keeps the entries that it has.
 */
export async function readOn(
  context: RequestContext,
  batchId: string,
  { signal, onStored }: ReadingOn,
): Promise<void> {
  const found = await readListing(context.db, batchId);
  if (!found || (found.listing.due_at ?? 0) > context.clock()) return;
  const reading = new Reading(context, found, { signal, onStored });
  try {
    await reading.all();
  } catch (error) {
    if (signal.aborted) return;
    await noteFailure(context, reading.listing, error);
  }
}

type FoundListing = NonNullable<Awaited<ReturnType<typeof readListing>>>;

/** One reading of one list. */
class Reading {
  readonly #context: RequestContext;
  readonly #found: FoundListing;
  readonly #options: ReadingOn;
  /** As it was read or written last. */
  listing: BatchListingRow;
  /** Jobs of the batch. */
  #total: number;

  constructor(context: RequestContext, found: FoundListing, options: ReadingOn) {
    this.#context = context;
    this.#found = found;
    this.#options = options;
    this.listing = found.listing;
    this.#total = found.batch.total;
  }

  /** @throws ApiError and what `readList` throws; what was stored until then stays */
  async all(): Promise<void> {
    const open = await this.#open();
    const isAtEnd =
      (await this.#pass(open, Math.max(0, this.listing.position - OVERLAP))) ?? (await this.#pass(open, 0));
    if (isAtEnd) await this.#finish(open);
  }

  async #open(): Promise<OpenListing> {
    const context = this.#context;
    const { batch, owner, files, listing } = this.#found;
    if (!owner || owner.disabled_at !== null) throw new ApiError("forbidden", { sentence: DISABLED });
    const { id, source, limits } = owner;
    const account = {
      id,
      source,
      limits,
      keyId: batch.key_id,
      scopes: null,
      allowedIps: null,
      expiresAt: null,
    };
    const request = await openRequest(context, listing);
    const { body, sent, ignored } = request;
    const names = new FileNames();
    for (const file of files) names.take(file);
    return {
      ...{ batch, account, request, names, known: new KnownEntries(listing.known ?? "") },
      options: prepareOptions(context.config, limits, body, sent, ignored),
    };
  }

  /**
   * Reads from a position to the end.
   *
   * @returns true at the end of the list; false if somebody else reads on; null if the position is no longer where it was
   */
  async #pass(open: OpenListing, skip: number): Promise<boolean | null> {
    let isFirst = true;
    for await (const part of this.#parts(open, { skip, until: MAX_LISTED, size: PART })) {
      const entries = await keyed(part);
      const [anchor] = entries;
      // what precedes a known entry is known, too, unless the list was rearranged
      if (isFirst && part.start > 0 && !(anchor && open.known.has(anchor))) return null;
      isFirst = false;
      const position = part.start + part.entries.length;
      const isStored = await this.#append(open, entries, { position, outcome: null, error: null });
      if (!isStored) return false;
      if (part.isLast) return true;
    }
    throw new TooLongError();
  }

  /**
   * Adds the entries that were put in front of the known ones while the list was read, and ends the listing. They are
   * stored by one write, so that a known entry at the beginning always means that there are none.
   */
  async #finish(open: OpenListing): Promise<void> {
    const added: KeyedEntry[] = [];
    const isShow = recognise(open.request.body.url, false).type === "spotify_show";
    // a show is read as a whole each time
    const range = { skip: 0, until: isShow ? HEAD : MAX_LISTED, size: HEAD };
    for await (const part of this.#parts(open, range)) {
      const entries = await keyed(part);
      const end = entries.findIndex((entry) => open.known.has(entry));
      added.push(...(end < 0 ? entries : entries.slice(0, end)));
      if (end >= 0) break;
    }
    if (this.#total + added.length === 0) throw noEntries();
    const { position } = this.listing;
    await this.#append(open, added, { position, outcome: "complete", error: null });
  }

  #parts(
    { account, request: { body } }: OpenListing,
    range: Omit<ListRange, "timeoutMs">,
  ): AsyncGenerator<ListPart> {
    const recognised = recognise(body.url, body.batch ?? false);
    if (recognised.type === "media") throw new Error("the batch's address is no list");
    const asker = { accountId: account.id, cookies: body.cookies };
    const { signal } = this.#options;
    return this.#context.readList(
      this.#context,
      recognised,
      asker,
      { ...range, timeoutMs: READING_MS },
      signal,
    );
  }

  /** @returns false if the batch was cancelled or somebody else reads on */
  async #append(open: OpenListing, found: readonly KeyedEntry[], change: ListingChange): Promise<boolean> {
    const room = MAX_LISTED - this.#total;
    const fresh = open.known.add(found);
    const entries = fresh.slice(0, room);
    const after = await appendEntries(this.#context, open, this.listing, {
      ...{ entries, total: this.#total, change },
    });
    if (!after) return false;
    this.listing = after;
    this.#total += entries.length;
    await this.#options.onStored();
    if (fresh.length > room) throw new TooLongError();
    return true;
  }
}

const DISABLED = "The account is disabled";

/** The rest of a list is too long, which no further try changes. */
class TooLongError extends ApiError {
  constructor() {
    super("invalid_request", {
      sentence: `This list has more than ${MAX_LISTED.toLocaleString("en")} entries; the others are left out`,
    });
  }
}

/** Notes that a reading failed: when the next one is due, or that it was the last one. */
async function noteFailure(
  context: RequestContext,
  listing: BatchListingRow,
  thrown: unknown,
): Promise<void> {
  context.log("listing_failed", { batch_id: listing.batch_id, error: describeError(thrown) });
  const error = thrown instanceof ApiError ? thrown.message : "The list could not be read right now";
  const now = context.clock();
  const waits = thrown instanceof ApiError && thrown.code === "quota_exceeded" && (await hasJobs());
  const failures = waits ? listing.failures : listing.failures + 1;
  const isRefused = thrown instanceof ApiError && thrown.code === "invalid_request";
  const isLast = thrown instanceof TooLongError || failures >= (isRefused ? MAX_REFUSALS : MAX_FAILURES);
  const asked = thrown instanceof ApiError ? (thrown.retryAfterSeconds ?? 0) * 1000 : 0;
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  const due_at = now + Math.max(asked, waits ? QUOTA_DELAY_MS : delay);
  await moveListing(context.db, listing, {
    ...{ failures, error, due_at, fence: context.newId() },
    ...(isLast ? { ...ENDED, outcome: "failed" } : {}),
  });

  /** Jobs of the batch that end may leave room. */
  async function hasJobs(): Promise<boolean> {
    const counts = await readCounts(context.db, listing.batch_id);
    return counts !== undefined && counts.counts.pending + counts.counts.processing > 0;
  }
}
