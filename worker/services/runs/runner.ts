import type { ReadinessCheck } from "../../../schema/readiness-check.ts";
import type { ToolVersions } from "../../../schema/tool-versions.ts";
import type { ListLine, ListRequest, MediaProbeRequest, ProbeOutcome } from "../../../schema/wire/probe.ts";
import type { Isolation, RunRequest } from "../../../schema/wire/run.ts";

/** What a processor says to a run. */
export type StartResponse =
  /** It runs; `runner` names the instance. */
  | { readonly type: "accepted"; readonly runner: string }
  /** No slot is free. */
  | { readonly type: "busy"; readonly retryAfterSeconds: number }
  /** Nobody answered, or nobody who could run it; the reason is for the log. */
  | { readonly type: "unreachable"; readonly reason: string; readonly runner: string }
  /** The processor does not understand the run: an error of ours. */
  | { readonly type: "rejected"; readonly reason: string };

/** What a processor says to a probe. */
export type ProbeReply =
  | { readonly type: "answered"; readonly outcome: ProbeOutcome }
  /** The source did not answer in time. */
  | { readonly type: "late" }
  | { readonly type: "busy"; readonly retryAfterSeconds: number }
  | { readonly type: "unreachable"; readonly reason: string };

/** What a processor says to a list; the lines arrive as the source reports them. */
export type ListReply =
  | { readonly type: "listed"; readonly lines: AsyncIterable<ListLine> }
  | Exclude<ProbeReply, { type: "answered" }>;

export interface RunnerHealth {
  readonly ok: boolean;
  /** What is wrong, for the operator. */
  readonly detail?: string;
  /** Null while no processor is awake. */
  readonly tools?: ToolVersions | null;
  /** In force around each tool; null while no processor is awake, and of one that does not report it. */
  readonly isolation?: Isolation | null;
  /** What the processors found out about themselves; none while no processor is awake. */
  readonly checks?: readonly ReadinessCheck[];
}

/** The way to the processors; everything above it is the same for containers and plain HTTP. */
export interface Runner {
  /** Names of the instances. */
  readonly members: readonly string[];
  /** The instance that is asked first for this job. @param avoid the one that is asked last, if any */
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
   * Asks a source for the entries of a list through a processor. Throws only the signal's reason; the lines may end
   * by an error when the connection does.
   */
  list(request: ListRequest, signal: AbortSignal): Promise<ListReply>;
  health(): Promise<RunnerHealth>;
  /** Keeps the instance awake that this name belongs to, since work inside does not count as activity. */
  keepAwake(instance: string): Promise<void>;
}
