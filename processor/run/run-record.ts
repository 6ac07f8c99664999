import { siteOf } from "../../schema/telemetry/site.ts";
import type { TraceContext } from "../../schema/telemetry/trace-context.ts";
import type { Outcome } from "../../schema/wire/callback.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import type { ProcessorDependencies } from "../dependencies.ts";
import type { VersionTry } from "../tools/through-versions.ts";

/** A run that has ended. */
export interface EndedRun {
  readonly request: RunRequest;
  /** Null: the job belongs to another run or to none. */
  readonly outcome: Outcome["outcome"] | null;
  /** The versions of yt-dlp that it tried. */
  readonly tries: readonly VersionTry[];
  /** Whether the Worker heard of it. */
  readonly reported: string;
  /** Span of the run, and of the claim that it belongs to. */
  readonly trace: TraceContext;
  readonly parent: TraceContext | null;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Bytes from the source. */
  readonly received: number;
}

/** Records how a run ended: in the metrics, the log, and the trace of its job. */
export function recordRun({ metrics, log, tracer, config }: ProcessorDependencies, run: EndedRun): void {
  const { request, outcome, startedAt, endedAt, received, trace } = run;
  const code = outcome?.type === "failed" ? outcome.code : (outcome?.type ?? "lost");
  const site = siteOf(request.url);
  const storage = request.target.managed ? "managed" : request.target.provider;
  const seconds = (endedAt - startedAt) / 1000;
  for (const { version, result } of run.tries) {
    const labels = { version, site, result: result ?? "undecided" };
    metrics.count("waterspout_extractions_total", "Tries of runs by version of yt-dlp and result", labels);
  }
  const delivery = outcome?.type === "completed" ? outcome.delivery : null;
  metrics.count("waterspout_runs_total", "Runs by how they ended", { outcome: code, site, storage });
  metrics.observe("waterspout_run_seconds", "Time of a run", seconds, { site, result: resultOf(outcome) });
  metrics.count("waterspout_received_bytes_total", "Bytes that runs read from sources", { site }, received);
  if (delivery) {
    const help = "Bytes of the files that runs delivered";
    metrics.count("waterspout_run_delivered_bytes_total", help, { site, storage }, delivery.file_size);
    for (const [name, ms] of Object.entries(delivery.timings)) {
      const labels = { site, stage: name.replace(/_ms$/, "") };
      if (typeof ms === "number")
        metrics.observe("waterspout_run_stage_seconds", "Time of a stage of a run", ms / 1000, labels);
    }
  }
  log("run", {
    job_id: request.job_id,
    attempt: request.attempt,
    trace_id: trace.traceId,
    outcome: code,
    site,
    storage,
    reported: run.reported,
    ms: endedAt - startedAt,
    bytes: received,
    ...(delivery ? { strategy: delivery.strategy, file_size: delivery.file_size } : {}),
  });
  tracer.end({
    ...{ trace, parent: run.parent, name: "run", kind: "consumer", start: startedAt, end: endedAt },
    attributes: {
      "waterspout.job_id": request.job_id,
      "waterspout.attempt": request.attempt,
      "waterspout.instance": config.instance,
      "waterspout.outcome": code,
      "waterspout.site": site,
      "waterspout.storage": storage,
      "waterspout.received_bytes": received,
      "waterspout.file_size": delivery?.file_size,
      "waterspout.strategy": delivery?.strategy,
      ...Object.fromEntries(
        Object.entries(delivery?.timings ?? {}).map(([name, ms]) => [`waterspout.${name}`, ms]),
      ),
    },
    error: outcome?.type === "failed" ? outcome.code : null,
  });
}

const resultOf = (outcome: EndedRun["outcome"]): string => outcome?.type ?? "lost";
