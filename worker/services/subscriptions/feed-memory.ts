import type { Schedule } from "../../../schema/api/subscriptions/subscription.ts";
import type { OfferedEntry } from "../../db/subscriptions/entry-rows.ts";
import type { Hub } from "./feed-document.ts";
import type { KeptReading, ReadingKeeper } from "./reading/read-long-list.ts";
import type { SourceKind } from "./reading/read-source.ts";
import { type SourceEntry, shortened } from "./source-entry.ts";

/** Where a feed's object stores what it knows: values of at most a megabyte. */
export interface FeedStorage {
  get(name: string): Promise<unknown>;
  put(values: Readonly<Record<string, unknown>>): Promise<void>;
  deleteAll(): Promise<void>;
}

/** What a feed's object knows. It may be lost at any time: the database is the truth, and everything is read again. */
export interface FeedState {
  readonly url: string;
  readonly kind: SourceKind | null;
  readonly title: string | null;
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** The distinct schedules of those who follow the source. */
  readonly schedules: readonly Schedule[];
  /** Another source that is followed, whose object's alarm this one watches over. Absent in states of the former version. */
  readonly neighbour?: string | null;
  /** There are subscriptions whose first entries were not recorded. */
  readonly isUnprimed: boolean;
  /** Epoch milliseconds; null before the first reading. */
  readonly polledAt: number | null;
  readonly nextPollAt: number | null;
  /** The number, from 0 to 1, from which the deviation of the next reading follows. */
  readonly chance: number;
  /** Readings in a row that failed. */
  readonly failures: number;
  readonly failingSince: number | null;
  readonly error: string | null;
  /** What those who follow the source are to be informed of. */
  readonly toReport: "failing" | "recovered" | null;
  /** The database is read again after this. */
  readonly checkAt: number;
  /** Number of pieces of the list of entries; null before the first reading. */
  readonly pieces: number | null;
  /** Number of pieces of the entries that were read but not yet offered. */
  readonly freshPieces: number;
  /** Keys of entries that are gone from the source, not yet withdrawn. */
  readonly gone: readonly string[];
  /** The list is being read: what earlier readings kept. Absent in states of the former version. */
  readonly partial?: { readonly position: number; readonly pieces: number } | null;
  readonly hub: Hub | null;
  /** When the lease of the hub is to be asked for again. */
  readonly leaseAt: number | null;
  readonly leaseUntil: number | null;
}

/** What is known before the first reading. */
export const NOTHING: Omit<FeedState, "url" | "chance"> = {
  ...{ kind: null, title: null, etag: null, lastModified: null, schedules: [], isUnprimed: false },
  ...{ polledAt: null, nextPollAt: null, failures: 0, failingSince: null, error: null, toReport: null },
  ...{
    partial: null,
    neighbour: null,
    checkAt: 0,
    pieces: null,
    freshPieces: 0,
    gone: [],
    hub: null,
    leaseAt: null,
    leaseUntil: null,
  },
};

/** An entry as it is kept for subscriptions that begin later. */
export type KeptEntry = SourceEntry;

/** Entries of one piece: their texts are bounded, so that a piece stays below a megabyte. */
const PIECE = 200;

/** Reads and writes the state of a feed's object, with long lists in pieces. */
export class FeedMemory {
  readonly #storage: FeedStorage;
  #entries: readonly KeptEntry[] | null = null;

  constructor(storage: FeedStorage) {
    this.#storage = storage;
  }

  async state(): Promise<FeedState | null> {
    return ((await this.#storage.get("state")) as FeedState | undefined) ?? null;
  }

  async save(state: FeedState): Promise<void> {
    await this.#storage.put({ state });
  }

  /** The entries of the last reading, in the source's order; null before the first one. */
  async entries({ pieces }: FeedState): Promise<readonly KeptEntry[] | null> {
    if (pieces === null) return null;
    this.#entries ??= await this.#read<KeptEntry>("entries", pieces);
    return this.#entries;
  }

  /** Stores the entries of a reading, and those that are to be offered, together with the state that says so. */
  async saveReading(
    state: Omit<FeedState, "pieces" | "freshPieces">,
    entries: readonly KeptEntry[],
    fresh: readonly OfferedEntry[],
  ): Promise<FeedState> {
    const next: FeedState = { ...state, pieces: pieceCount(entries), freshPieces: pieceCount(fresh) };
    await this.#write("entries", entries);
    await this.#write("fresh", fresh);
    await this.#storage.put({ state: next });
    this.#entries = entries;
    return next;
  }

  /** The entries that are yet to be offered. */
  fresh({ freshPieces }: FeedState): Promise<OfferedEntry[]> {
    return this.#read<OfferedEntry>("fresh", freshPieces);
  }

  /** What was kept of a list that is being read, and where its next parts are kept. */
  async partialReading(state: FeedState): Promise<PartialReading> {
    const { partial = null } = state;
    const kept = partial && {
      position: partial.position,
      entries: await this.#read<KeptEntry>("partial", partial.pieces),
    };
    return new PartialReading(state, kept, {
      save: (next) => this.save(next),
      write: (entries, first) => this.#write("partial", entries, first),
    });
  }

  async clear(): Promise<void> {
    this.#entries = null;
    await this.#storage.deleteAll();
  }

  async #read<T>(name: string, pieces: number): Promise<T[]> {
    const read = await Promise.all(
      Array.from({ length: pieces }, (_, index) => this.#storage.get(`${name} ${index}`)),
    );
    return read.flatMap((piece) => (piece as T[] | undefined) ?? []);
  }

  /** @param first number of the first piece */
  async #write(name: string, items: readonly unknown[], first = 0): Promise<void> {
    for (let start = 0; start < items.length; start += PIECE) {
      await this.#storage.put({ [`${name} ${first + start / PIECE}`]: items.slice(start, start + PIECE) });
    }
  }
}

interface PartialStore {
  readonly save: (state: FeedState) => Promise<void>;
  readonly write: (entries: readonly KeptEntry[], firstPiece: number) => Promise<void>;
}

/** Keeps a list while it is read: first the entries, then the state that counts them. */
export class PartialReading implements ReadingKeeper {
  readonly kept: KeptReading | null;
  readonly #store: PartialStore;
  /** As it was stored last. */
  state: FeedState;

  constructor(state: FeedState, kept: KeptReading | null, store: PartialStore) {
    this.state = state;
    this.kept = kept;
    this.#store = store;
  }

  async add(entries: readonly KeptEntry[], position: number): Promise<void> {
    const { pieces = 0 } = this.state.partial ?? {};
    await this.#store.write(entries.map(shortened), pieces);
    await this.#save({ position, pieces: pieces + pieceCount(entries) });
  }

  async clear(): Promise<void> {
    await this.#save(null);
  }

  async #save(partial: { position: number; pieces: number } | null): Promise<void> {
    this.state = { ...this.state, partial };
    await this.#store.save(this.state);
  }
}

const pieceCount = (items: readonly unknown[]): number => Math.ceil(items.length / PIECE);
