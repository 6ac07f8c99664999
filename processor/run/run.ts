import { ADDRESS_REFUSALS } from "../../schema/errors.ts";
import { formatTraceparent, parseTraceparent } from "../../schema/telemetry/trace-context.ts";
import type { Delivery, Outcome } from "../../schema/wire/callback.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import type { YtdlpReport } from "../../schema/wire/ytdlp-versions.ts";
import type { ProcessorConfig } from "../config.ts";
import { SourceSession } from "../cookies/source-session.ts";
import { trySessions } from "../cookies/try-sessions.ts";
import type { ProcessorDependencies, RunContext } from "../dependencies.ts";
import { RangeCheck } from "../egress/ranges/wrong-ranges.ts";
import { Fault, isDiskFull, ServiceFault } from "../fault.ts";
import { exitsFor, openSourceNetwork, type SourceNetwork } from "../source-network.ts";
import { EndlessStreamError } from "../stages/live/endless-source.ts";
import { continueRecording, findRecording, recordLive } from "../stages/live/live.ts";
import { type Resolved, resolveSource } from "../stages/resolve.ts";
import { copyDelivered } from "../stages/reuse/copy-delivered.ts";
import { identityOf } from "../stages/source-identity.ts";
import { openObjectStore } from "../storage/open-object-store.ts";
import { throughVersions } from "../tools/through-versions.ts";
import type { Claim } from "./callback.ts";
import { Deadline } from "./deadline.ts";
import { deliverDirectly } from "./deliver-directly.ts";
import type { LeaseHolder } from "./lease.ts";
import { Progress } from "./progress.ts";
import { type EndedRun, recordRun } from "./run-record.ts";
import { RunTimings } from "./run-timings.ts";
import { StoppedError, type StopReason } from "./stop.ts";
import { throughExits } from "./through-exits.ts";
import { nextLook, UpcomingError } from "./upcoming.ts";

/** A run that was started. */
export interface RunHandle {
  readonly attempt: number;
  /** Resolves, and never rejects, when everything in the run has ended; its folder may still be being removed. */
  readonly done: Promise<void>;
  stop(reason: StopReason): void;
}

/** An outcome is sent again for this long; by then the lease has expired and the Worker has taken the job back. */
const REPORT_MS = 10 * 60_000;

/** A run before it has its folder, its source network, and what depends on them. */
type BareContext = Omit<RunContext, keyof SourceNetwork | "folder" | "rangeCheck">;

/** The span of a run, and that of the claim that it belongs to. */
type RunTrace = Pick<EndedRun, "trace" | "parent">;

/** Starts one run: resolve, deliver, report. */
export function startRun(request: RunRequest, dependencies: ProcessorDependencies): RunHandle {
  const abort = new AbortController();
  const parent = parseTraceparent(request.traceparent);
  const trace = dependencies.tracer.begin(parent);
  const { job_id, attempt, token } = request;
  const claim: Claim = { job_id, attempt, token, traceparent: formatTraceparent(trace) };
  const progress: Progress = new Progress((stepChanged) => dependencies.lease.changed(holder, stepChanged));
  const stop = (reason: StopReason) => abort.abort(new StoppedError(reason));
  const holder: LeaseHolder = { claim, progress, stop };
  const deadline = new Deadline(dependencies.config.maxRunSeconds, () =>
    abort.abort(new ServiceFault("timeout")),
  );
  const base: BareContext = {
    ...dependencies,
    log: (event, fields) => dependencies.log(event, { trace_id: trace.traceId, ...fields }),
    request,
    claim,
    signal: abort.signal,
    progress,
    timings: new RunTimings(),
    exitResults: [],
    extractor: dependencies.versions.pinned.pool,
    versionTries: [],
    session: new SourceSession(request.cookies, dependencies.config),
    store: openObjectStore(request.target, dependencies.policy, {
      idleMs: dependencies.config.stallSeconds * 1000,
      digest: dependencies.hasher.checksum,
      crc32Refusals: dependencies.crc32Refusals,
    }),
    extendDeadline: (seconds) => deadline.extend(seconds),
  };
  dependencies.lease.add(holder);
  const done = execute(base, { trace, parent }).finally(() => {
    deadline.clear();
    dependencies.lease.remove(holder);
    base.store.close();
  });
  return { attempt: request.attempt, done, stop };
}

async function execute(context: BareContext, traces: RunTrace): Promise<void> {
  const startedAt = Date.now();
  const outcome = await produce(context).then(
    (delivery): Outcome["outcome"] => ({
      ...{ type: "completed", delivery, tools: toolsOf(context) },
      attempts: context.timings.attempts,
      exit_results: context.exitResults,
      ...versionsOf(context),
      ...cookiesOf(context),
    }),
    (error: unknown) => outcomeOf(error, context),
  );
  const reported = outcome === null ? "dropped" : await report(context, outcome);
  const { request, progress } = context;
  const times = { startedAt, endedAt: Date.now() };
  const { versionTries: tries } = context;
  recordRun(context, { request, outcome, reported, tries, ...traces, ...times, received: progress.received });
}

/** As an anonymous visitor first, unless the request says otherwise; after a refusal with the cookies that there are. */
async function attemptWithSessions(context: RunContext, isLast: boolean): Promise<Delivery> {
  const { session, signal } = context;
  const delivery = await trySessions(session, signal, () => attempt(context, isLast));
  return { ...delivery, adjustments: [...delivery.adjustments, ...session.adjustments] };
}

/**
 * One try through one exit. A media link may have expired between extraction and download: where no other exit is left,
 * a fresh extraction is worth one more attempt, with the other version of yt-dlp if there is one.
 */
async function attempt(context: RunContext, isLast: boolean): Promise<Delivery> {
  const begun = await findRecording(context);
  if (begun) {
    context.timings.attempts++;
    return continueRecording(context, begun);
  }
  const known = context.request.reuse?.file ?? null;
  const copied = known && (await copyDelivered(context, known));
  if (copied) return copied;
  return throughVersions(
    {
      ...{ versions: context.versions, policy: context.request.ytdlp, tries: context.versionTries },
      signal: context.signal,
      isWorthAnother: ({ code }) => code === "forbidden" && isLast,
      forget: () => context.extractions.remove(context.request.url),
    },
    ({ pool }) => fetchAndDeliver({ ...context, extractor: pool }),
  );
}

async function fetchAndDeliver(context: RunContext): Promise<Delivery> {
  context.timings.attempts++;
  const resolved = await resolveSource(context);
  try {
    return await deliverResolved(context, resolved);
  } finally {
    resolved.opened?.close();
  }
}

async function deliverResolved(context: RunContext, resolved: Resolved): Promise<Delivery> {
  context.store.connect();
  await reportSource(context, resolved);
  if (resolved.source.live) return recordLive(context, resolved);
  const delivery = await deliverDirectly(context, resolved).catch((error: unknown) => {
    if (!(error instanceof EndlessStreamError)) throw error;
    return recordLive(context, { ...resolved, source: { ...resolved.source, live: true } });
  });
  if (!context.request.recording.asked) return delivery;
  const notLive = { field: "live_recording", from: true, to: false, reason: "The source is not live" };
  return { ...delivery, adjustments: [...delivery.adjustments, notLive] };
}

/** Of a recording, only this run knows whose it is: a successor may not find the source again. */
async function reportSource({ callback, claim, request, signal }: RunContext, { source }: Resolved) {
  if (!request.reports_source && !source.live) return;
  await callback.sourceFound(claim, identityOf(source.info, source.streams), signal);
}

/** Gives the run its folder, and a source network for each exit that it tries; removes all of them at the end. */
async function produce(base: BareContext): Promise<Delivery> {
  const { folders, claim, request, signal, log, exitResults: results } = base;
  const folder = await folders.make(`${claim.job_id}.${claim.attempt}`);
  try {
    return await throughExits({
      ...{ exits: exitsOf(base), signal, log, results },
      open: (exit) => {
        // a session that a source gave to one address must not be seen at another
        if (results.length > 0) {
          Object.assign(base, { session: new SourceSession(request.cookies, base.config) });
        }
        base.session.useExit(exit.name);
        return openSourceNetwork(base, exit, base.timings.ioWait);
      },
      forget: () => base.extractions.remove(request.url),
      async attempt(network, exit, isLast) {
        const rangeCheck = new RangeCheck({ ...base, ...network });
        const delivery = await attemptWithSessions({ ...base, ...network, folder, rangeCheck }, isLast);
        const isGiven = (request.exits ?? []).length > 0;
        return isGiven ? { ...delivery, details: { ...delivery.details, exit: exit.name } } : delivery;
      },
    });
  } finally {
    folders.remove(folder);
  }
}

const exitsOf = (base: BareContext) => exitsFor(base, base.request.url, base.request.exits ?? []);

const cookiesOf = ({ session: { report } }: BareContext) => (report ? { cookies: report } : {});

function toolsOf({ tools, versions, versionTries }: BareContext) {
  const { version, channel } = versionTries.at(-1) ?? versions.pinned;
  return { ytdlp: version, ytdlp_channel: channel, ffmpeg: tools.ffmpeg.version };
}

/** Tries that are reported; a run makes two for each exit and session. */
const MAX_REPORTED = 20;

/** Nothing where there is one version only. */
function versionsOf({ versions, versionTries }: BareContext): { ytdlp?: YtdlpReport } {
  if (versions.candidate === null) return {};
  const results = versionTries.flatMap(({ role, result }) => (result === null ? [] : [{ role, result }]));
  return { ytdlp: { candidate: versions.candidate.version, results: results.slice(-MAX_REPORTED) } };
}

/** Null if nothing is reported, because the job belongs to another run or to none. */
function outcomeOf(error: unknown, context: BareContext): Outcome["outcome"] | null {
  const { signal, log, claim, progress, request, config, exitResults } = context;
  const cause = signal.aborted ? signal.reason : error;
  if (cause instanceof StoppedError) return cause.reason === "drained" ? { type: "interrupted" } : null;
  const fault =
    cause instanceof Fault ? cause : new ServiceFault(ownCodeOf(cause), describe(cause), { cause });
  if (fault.code === "upcoming") {
    const until = nextLook(request.wait, fault instanceof UpcomingError ? fault.releaseAt : null, Date.now());
    if (until !== null) return { type: "postponed", until };
  }
  log("fault", { job_id: claim.job_id, attempt: claim.attempt, code: fault.code, detail: fault.detail });
  return {
    type: "failed",
    ...fault.report,
    tools: toolsOf(context),
    attempts: context.timings.attempts,
    exit_results: exitResults,
    ...versionsOf(context),
    ...(fault.transient === undefined ? {} : { transient: fault.transient }),
    ...(ADDRESS_REFUSALS.includes(fault.code)
      ? { other_exits: (request.exits ?? []).length > 0 ? 0 : ownProxiesLeft(config, exitResults) }
      : {}),
    ...cookiesOf(context),
    title: progress.snapshot.title,
  };
}

/** Proxies of the processor's own that this run did not try. */
const ownProxiesLeft = ({ ytdlpProxies }: Pick<ProcessorConfig, "ytdlpProxies">, tried: readonly unknown[]) =>
  Math.max(0, ytdlpProxies.length - tried.length);

async function report(
  context: BareContext,
  outcome: Outcome["outcome"],
): Promise<"reported" | "lost" | "not_reported"> {
  try {
    const reported = { outcome, freeSlots: context.freeSlots() };
    await context.callback.outcome(context.claim, reported, AbortSignal.timeout(REPORT_MS));
    return "reported";
  } catch (error) {
    if (error instanceof StoppedError) return "lost";
    context.log("outcome_not_reported", { job_id: context.claim.job_id, detail: describe(error) });
    return "not_reported";
  }
}

const ownCodeOf = (error: unknown): "disk_full" | "internal" =>
  isDiskFull(error) ? "disk_full" : "internal";

const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
