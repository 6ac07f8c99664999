import type { ReadinessCheck } from "../../../schema/readiness-check.ts";
import type { ToolVersions } from "../../../schema/tool-versions.ts";
import type {
  ListLine,
  MediaProbeRequest,
  ProbeOutcome,
  SentListRequest,
} from "../../../schema/wire/probe.ts";
import type { Isolation, RunRequest } from "../../../schema/wire/run.ts";
import type { RunClass } from "./capacity.ts";
import type { InstanceRuns } from "./pool-load.ts";

/** A processor's response to a run. */
export type StartResponse =
  /** The run was accepted; `runner` names the instance. */
  | { readonly type: "accepted"; readonly runner: string }
  /** No slot is free. */
  | { readonly type: "busy"; readonly retryAfterSeconds: number }
  /** No response, or none from an instance that could run it. The reason is for the log. */
  | { readonly type: "unreachable"; readonly reason: string; readonly runner: string }
  /** The processor does not understand the run, which is a defect of Waterspout. */
  | { readonly type: "rejected"; readonly reason: string };

/** A processor's response to a probe. */
export type ProbeReply =
  | { readonly type: "answered"; readonly outcome: ProbeOutcome }
  /** The source did not answer in time. */
  | { readonly type: "late" }
  | { readonly type: "busy"; readonly retryAfterSeconds: number }
  | { readonly type: "unreachable"; readonly reason: string };

/** A processor's response to a list request. Lines arrive as the source reports them. */
export type ListReply =
  | { readonly type: "listed"; readonly lines: AsyncIterable<ListLine> }
  | Exclude<ProbeReply, { type: "answered" }>;

export interface RunnerHealth {
  readonly ok: boolean;
  /** The problem, for the operator. */
  readonly detail?: string;
  /** Null while no processor is awake. */
  readonly tools?: ToolVersions | null;
  /** The limits in force around each tool; null while no processor is awake, and for one that does not report them. */
  readonly isolation?: Isolation | null;
  /** The results of the processors' own checks; empty while no processor is awake. */
  readonly checks?: readonly ReadinessCheck[];
}

/** A run that looks for an instance. */
export interface PlaceFor {
  readonly jobId: string;
  readonly runClass: RunClass;
  /** No other run may be on the instance. */
  readonly alone: boolean;
  /** The instance that was unreachable or lost the job's last run: not asked if there is another one. */
  readonly avoid: string | null;
  /** Instances that are not asked. */
  readonly refused: readonly string[];
}

/** Where a run will be started; a slot of the first instance is counted as taken until the run is started or released. */
export interface Place extends PlaceFor {
  /** The instances to be asked, one after the other. */
  readonly order: readonly [string, ...string[]];
  /** Other runs may find room where this one must not go. */
  readonly isRestricted: boolean;
}

/** The interface to the processors. Everything above it is the same for containers and plain HTTP. */
export interface Runner {
  /** Names of the instances. */
  readonly members: readonly string[];
  /** True if jobs are packed onto the lowest instances, for which {@link Runner.count} is needed. */
  readonly isPacked: boolean;
  /** Chooses the instances for a run. Each place is either started or released. */
  place(wanted: PlaceFor): Place;
  /** The run is not started. */
  release(place: Place): void;
  /** Hands a run over. Never throws. */
  start(run: RunRequest, place: Place): Promise<StartResponse>;
  /** How many runs each instance has; one that is not named has none. */
  count(instances: readonly InstanceRuns[]): void;
  /** A run ended. @param freeSlots as the instance reports them */
  freed(runner: string, runClass: RunClass, freeSlots?: number): void;
  /** Instructs the instance to stop a run. Never throws: the heartbeat reports it again. */
  cancel(jobId: string, runner: string | null): Promise<void>;
  /** Asks a source through a processor. Never throws. */
  probe(request: MediaProbeRequest): Promise<ProbeReply>;
  /**
   * Asks a source for the entries of a list through a processor. Throws only the signal's reason. The lines end with an
   * error if the connection breaks.
   */
  list(request: SentListRequest, signal: AbortSignal): Promise<ListReply>;
  health(): Promise<RunnerHealth>;
  /** Keeps the named instance awake, because a running job does not count as activity. */
  keepAwake(instance: string): Promise<void>;
}
