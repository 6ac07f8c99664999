import type { ReadinessCheck } from "../../../schema/readiness-check.ts";
import type { ToolVersions } from "../../../schema/tool-versions.ts";
import type { ListLine, ListRequest, MediaProbeRequest, ProbeOutcome } from "../../../schema/wire/probe.ts";
import type { Isolation, RunRequest } from "../../../schema/wire/run.ts";

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

/** The interface to the processors. Everything above it is the same for containers and plain HTTP. */
export interface Runner {
  /** Names of the instances. */
  readonly members: readonly string[];
  /** The instance that is asked first for this job. @param avoid the instance that is asked last, if any */
  preferred(jobId: string, avoid: string | null): string;
  /**
   * Hands a run over. Never throws.
   *
   * @param avoid the instance that is asked last, if any
   * @param refused instances that are not asked
   */
  start(run: RunRequest, avoid: string | null, refused?: readonly string[]): Promise<StartResponse>;
  /** Tells the instance to stop a run. Never throws: the heartbeat reports it again. */
  cancel(jobId: string, runner: string | null): Promise<void>;
  /** Asks a source through a processor. Never throws. */
  probe(request: MediaProbeRequest): Promise<ProbeReply>;
  /**
   * Asks a source for the entries of a list through a processor. Throws only the signal's reason. The lines end with an
   * error if the connection breaks.
   */
  list(request: ListRequest, signal: AbortSignal): Promise<ListReply>;
  health(): Promise<RunnerHealth>;
  /** Keeps the named instance awake, because a running job does not count as activity. */
  keepAwake(instance: string): Promise<void>;
}
