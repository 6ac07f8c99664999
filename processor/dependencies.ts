import type { ExitResult } from "../schema/exits.ts";
import type { Tracer } from "../schema/telemetry/tracer.ts";
import type { RunRequest } from "../schema/wire/run.ts";
import type { ProcessorConfig } from "./config.ts";
import type { SourceSession } from "./cookies/source-session.ts";
import type { HostLimits } from "./egress/host-limits.ts";
import type { EgressPolicy } from "./egress/policy.ts";
import type { RangeCheck } from "./egress/ranges/wrong-ranges.ts";
import type { ProxyRotation } from "./egress/upstream/proxy-rotation.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Callback, Claim } from "./run/callback.ts";
import type { LeaseKeeper } from "./run/lease.ts";
import type { Progress } from "./run/progress.ts";
import type { RunTimings } from "./run/run-timings.ts";
import type { Slots } from "./run/slots.ts";
import type { WorkFolders } from "./run/work-folders.ts";
import type { SourceNetwork } from "./source-network.ts";
import type { ObjectStore } from "./storage/object-store.ts";
import type { Crc32Refusals } from "./storage/s3/crc32-refusals.ts";
import type { BufferBudget } from "./storage/uploads/buffer-budget.ts";
import type { Hasher } from "./storage/uploads/hasher.ts";
import type { Tools } from "./tools/discover.ts";
import type { ExtractionCache } from "./tools/extraction-cache.ts";
import type { ExtractorPool } from "./tools/extractor.ts";
import type { ExtractorVersions } from "./tools/extractor-versions.ts";
import type { VersionTry } from "./tools/through-versions.ts";

/** Dependencies that all runs of a processor share. */
export interface ProcessorDependencies {
  readonly config: ProcessorConfig;
  readonly tools: Tools;
  readonly policy: EgressPolicy;
  readonly versions: ExtractorVersions;
  /** Extractions of probes, reused by later runs. */
  readonly extractions: ExtractionCache;
  /** The processor's own proxies. */
  readonly proxies: ProxyRotation;
  /** What runs found out about hosts, used by later runs. */
  readonly limits: HostLimits;
  readonly folders: WorkFolders;
  readonly buffers: BufferBudget;
  readonly hasher: Hasher;
  /** What runs found out about storages, used by later runs. */
  readonly crc32Refusals: Crc32Refusals;
  /** Slots for re-encoding. */
  readonly cpu: Slots;
  readonly callback: Callback;
  readonly lease: LeaseKeeper;
  /** Number of runs that can be accepted once the asking run is over. */
  readonly freeSlots: () => number;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly log: Log;
}

/** One run's view: the dependencies, the request, and what belongs to this run alone. */
export interface RunContext extends ProcessorDependencies, SourceNetwork {
  readonly request: RunRequest;
  readonly claim: Claim;
  /** Aborted with a {@link StoppedError} or a `Fault`; that reason is how the run ends. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly timings: RunTimings;
  /** How the run fared with each exit so far. */
  readonly exitResults: ExitResult[];
  /** The version of yt-dlp that the present try uses. */
  readonly extractor: ExtractorPool;
  /** The versions of yt-dlp that the run tried so far. */
  readonly versionTries: VersionTry[];
  /** The run's own folder, removed at its end. */
  readonly folder: string;
  readonly store: ObjectStore;
  /** Whose cookies the source gets, if any. */
  readonly session: SourceSession;
  /** True if the fast strategy failed: everything is read from its beginning, through one connection at a time. */
  readonly readsPlainly?: boolean;
  /** Whether the source answers ranges with wrong bytes. */
  readonly rangeCheck: RangeCheck;
  /** Gives the run this many seconds from now on, in addition to what every run has. */
  readonly extendDeadline: (seconds: number) => void;
}
