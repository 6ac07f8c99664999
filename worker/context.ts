import type { CookieMode } from "../schema/api/cookies/mode.ts";
import type { TargetOf } from "../schema/storage/address.ts";
import type { TraceContext } from "../schema/telemetry/trace-context.ts";
import type { Tracer } from "../schema/telemetry/tracer.ts";
import type { DeliveryMessage, DispatchMessage } from "../schema/wire/queue-messages.ts";
import type { Config } from "./config.ts";
import type { Connection, Db } from "./db/connection.ts";
import type { TrialRow } from "./db/exits/trial-rows.ts";
import type { Log } from "./lib/log.ts";
import type { MakeId } from "./lib/uuid.ts";
import type { KeyCache } from "./services/accounts/key-cache.ts";
import type { RateLimits } from "./services/accounts/limits.ts";
import type { PairHealth } from "./services/exits/pair-health.ts";
import type { Capacity } from "./services/runs/capacity.ts";
import type { Runner } from "./services/runs/runner.ts";
import type { ListPart, ListRange, RecognisedList } from "./services/sources/listing/listing.ts";
import type { Sealer } from "./services/storage/seal.ts";
import type { StorageClient } from "./services/storage/store.ts";
import type { SourceEntry } from "./services/subscriptions/source-entry.ts";

/** What a request, a message or a job may use: interfaces only, so that everything may import this file. */

/** What tests replace. */
export interface Dependencies {
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly random: (length: number) => Uint8Array;
  readonly fetch: typeof fetch;
  /** Resolves after that many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  readonly log: Log;
  readonly runner: Runner;
  readonly dispatchQueue: Pick<Queue<DispatchMessage>, "sendBatch" | "metrics">;
  readonly deliveryQueue: Pick<Queue<DeliveryMessage>, "sendBatch">;
  readonly batches: BatchObjects;
  readonly feeds: FeedObjects;
  /** Reads a show or playlist; see its module. */
  readonly readList: ReadList;
}

/** Services that live as long as the isolate. */
export interface Services extends Dependencies {
  readonly config: Config;
  readonly d1: D1Database;
  readonly assets: Fetcher;
  readonly bucket: ManagedBucket;
  readonly keys: KeyCache;
  readonly rates: RateLimits;
  readonly capacity: Capacity;
  readonly backlog: Backlog;
  readonly backoffs: BackoffMemory;
  readonly siteRuns: SiteRunsMemory;
  readonly denials: DenialsMemory;
  readonly databaseWrites: DatabaseWrites;
  readonly sealer: Sealer;
  readonly spotifyTokens: SpotifyTokens;
  readonly newId: MakeId;
  readonly tracer: Tracer;
}

/** The services as one request, message or cron run uses them. */
export interface RequestContext extends Services {
  readonly db: Db;
  readonly connection: Connection;
  /** The span of the request; null for messages and cron runs. */
  readonly trace: TraceContext | null;
  /** Continues work after the response; a failure is logged. */
  readonly defer: (work: Promise<unknown>) => void;
}

/** The operator's bucket, over its S3 interface. */
export interface ManagedBucket extends Pick<StorageClient, "deleteObject" | "abortUpload" | "listKeys"> {
  /** For a run; only kept in the processor's memory. */
  readonly target: TargetOf<"s3">;
  /** A link that anybody may read for 24 hours. */
  signedLink(key: string): Promise<string>;
  /** Writes a text, replacing what is there. */
  putObject(key: string, text: string, contentType: string): Promise<void>;
  /** Writes and deletes a small object. @returns why that failed, for the operator; null when it did not */
  checkWrite(): Promise<string | null>;
}

/** Calls to the objects that drive batches. Any call may be lost: the objects' alarms and reconcile make up for it. */
export interface BatchObjects {
  /** Makes the batch read the database at once. */
  readonly wake: (batchId: string) => Promise<void>;
  /** Informs the batch that one of its jobs ended. */
  readonly ended: (batchId: string, jobId: string) => Promise<void>;
  /**
   * Waits for a change since a version that the watcher knows, or until the time is up.
   *
   * @returns the current version
   */
  readonly waitForChange: (batchId: string, known: number, ms: number) => Promise<number>;
}

/** Who asks a source, and whether it may get stored cookies. */
export interface Asker {
  readonly accountId: string;
  /** Default: `fallback`. */
  readonly cookies?: CookieMode | undefined;
}

/** What a reading of a source found that was asked for. */
export interface FeedRun {
  /** Epoch milliseconds; null if nobody follows the source. */
  readonly polledAt: number | null;
  readonly newEntries: number;
  /** Why it could not be read: a sentence for people. */
  readonly error: string | null;
}

/** What the object of a source knows of its readings, in epoch milliseconds. */
export interface FeedTimes {
  readonly polledAt: number | null;
  readonly nextPollAt: number | null;
  /** Until then a hub pushes new entries; null without one. */
  readonly leaseUntil: number | null;
}

/** Calls to the objects that follow sources. Any call may be lost: the objects' alarms and reconcile make up for it. */
export interface FeedObjects {
  /** Makes up for an alarm that was lost: the object acts if its alarm is overdue. */
  readonly check: (feedId: string) => Promise<void>;
  /** Who follows the source was changed. */
  readonly wake: (feedId: string) => Promise<void>;
  /** Reads the source now, unless that was done a moment ago. */
  readonly run: (feedId: string) => Promise<FeedRun>;
  /** A hub pushed these entries. */
  readonly pushed: (feedId: string, entries: readonly SourceEntry[]) => Promise<void>;
  /** A hub verified a lease. */
  readonly leased: (feedId: string, until: number) => Promise<void>;
  /** Null if the object knows nothing. */
  readonly peek: (feedId: string) => Promise<FeedTimes | null>;
}

/** Reads a show or a playlist part by part, without touching its entries. @throws ApiError with a sentence for people */
export type ReadList = (
  context: RequestContext,
  recognised: RecognisedList,
  asker: Asker,
  range: ListRange,
  signal?: AbortSignal,
) => AsyncGenerator<ListPart>;

/** Limits how many jobs of the whole service wait for a processor, as far as this isolate knows. */
export interface Backlog {
  /** Makes room for jobs that are to be accepted. @throws ApiError `overloaded` when there is none */
  admit(context: RequestContext, jobs: number): void;
}

/** An exit of the operator. */
export interface Exit {
  readonly name: string;
  /** Of the proxy, with credentials; null: the processor's own address. */
  readonly url: string | null;
  /** ISO 3166-1. */
  readonly country: string | null;
  readonly costPerGb: number;
  readonly maxRuns: number | null;
  /** Each session has an address of its own. */
  readonly isShared: boolean;
}

/** How a site treats an exit, as the database or this isolate knows it. */
export interface KnownPair extends PairHealth {
  readonly site: string;
  readonly exit: string;
  /** Of the row; 0: there is none. */
  readonly version: number;
  /** Whether it was reported to the operator as open. */
  readonly reported?: boolean;
}

/** What the dispatcher must know besides the job. */
export interface Backoffs {
  /** In the operator's order; empty: only the processors' own way. */
  readonly exits: readonly Exit[];
  /** How a site treats an exit; see `healthKey`. */
  readonly pairOf: (site: string, exit: string) => Omit<KnownPair, "site" | "exit">;
  /** Runs by the name of their exit. */
  readonly running: ReadonlyMap<string, number>;
  /** Until when sources are left alone, in epoch milliseconds; the exit's name follows, if it is not the only one. */
  readonly sources: ReadonlyMap<string, number>;
  /** The same for storages, by place. */
  readonly storages: ReadonlyMap<string, number>;
  /** How newer versions of yt-dlp do at each site. */
  readonly trials: readonly TrialRow[];
}

/** This isolate's copy of what the dispatcher must know. */
export interface BackoffMemory {
  /** What the instances run is read with it. */
  read(
    context: Pick<RequestContext, "db" | "clock" | "runner" | "config" | "sealer" | "log">,
  ): Promise<Backoffs>;
  /** Keeps a pair as this isolate has just changed it. */
  keep(pair: KnownPair): void;
  /** A run began or ceased to use an exit. */
  countRun(exit: string, change: 1 | -1): void;
  /** Keeps a trial as this isolate has just changed it. */
  keepTrial(trial: TrialRow): void;
  /** The tables were changed. */
  remove(): void;
}

/** Runs of a site that ended alike. */
export interface SiteRuns {
  readonly site: string;
  readonly exit: string;
  /** `completed`, or an error code. */
  readonly outcome: string;
  /** Counted with their last exit. */
  readonly runs: number;
  /** Of runs, with this exit. */
  readonly tries: number;
  /** When the last of them ended, in epoch milliseconds. */
  readonly lastAt: number;
}

/** This isolate's copy of how runs ended lately. */
export interface SiteRunsMemory {
  /** In the last hour. */
  read(context: Pick<RequestContext, "db" | "clock">): Promise<readonly SiteRuns[]>;
  /** In the last day; up to some minutes old. */
  readDay(context: Pick<RequestContext, "db" | "clock">): Promise<readonly SiteRuns[]>;
}

/** This isolate's copy of whether anything is denied. */
export interface DenialsMemory {
  isEmpty(context: Pick<RequestContext, "db" | "clock">): Promise<boolean>;
  /** The table was changed. */
  remove(): void;
}

/** Whether the database accepted a write lately. */
export interface DatabaseWrites {
  /** @returns the result of `check`, or of an earlier one: what is wrong, for the operator; null if nothing is */
  run(check: () => Promise<string | null>): Promise<string | null>;
}

/** The operator's token for Spotify's Web API. */
export interface SpotifyTokens {
  /** @throws ApiError `invalid_request` when the operator configured none, `dependency_unavailable` when Spotify gives none */
  get(): Promise<string>;
  /** Spotify no longer accepts this token. */
  remove(token: string): void;
}
