import { Cookies } from "../../../schema/api/job-request.ts";
import { runsAlone } from "../../../schema/states.ts";
import { formatTraceparent, parseTraceparent } from "../../../schema/telemetry/trace-context.ts";
import { type CookieUse, NO_COOKIES } from "../../../schema/wire/cookies.ts";
import type { DeliveredFile, RunRequest } from "../../../schema/wire/run.ts";
import type { RequestContext } from "../../context.ts";
import type { QueueFilter } from "../../db/fair-queue.ts";
import { setRunner } from "../../db/job-queue.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import { findJobForRun, findNextJobForRun, type JobForRun } from "../../db/prepared/job-for-run.ts";
import type { ReuseOfJob } from "../../db/reuse/reuse-of-job.ts";
import { hasRunningTwin } from "../../db/reuse/twins.ts";
import { describeError } from "../../lib/log.ts";
import { monthOf } from "../accounts/usage.ts";
import { cookiesForRun } from "../cookies/cookies-for.ts";
import { type Reservation, wireExits } from "../exits/assign-exits.ts";
import { endByDenial } from "../jobs/cancel.ts";
import { transition } from "../jobs/transitions.ts";
import { sendDispatchMessages } from "../queue/sender.ts";
import { copyTerms, deliveredFile } from "../reuse/delivered-file.ts";
import { postponeForTwin } from "../reuse/twins.ts";
import { contactOf, denialOf, denialOfUrls } from "../rights/require-allowed.ts";
import { openSourceUrls, type SourceUrls } from "../storage/sealed-urls.ts";
import { policyFor } from "../ytdlp/policy.ts";
import { admit } from "./admittance.ts";
import { Capacity, runClassOf } from "./capacity.ts";
import { runOf } from "./run-request.ts";
import type { Place, StartResponse } from "./runner.ts";
import { type RunStorage, storageOfJob } from "./storage-of-job.ts";

/**
 * Takes due jobs and hands them to processors. It never waits for a job. Accounts share the slots: a slot goes to the
 * account with the fewest running jobs, no matter who asked first, and each claim is conditional on that order.
 */

/** The result of a dispatch. */
export type Dispatch =
  | { readonly type: "started" }
  /** Gone, ended, running, or taken by another dispatcher. */
  | { readonly type: "nothing_to_do" }
  | {
      readonly type: "later";
      readonly why: "not_due" | "busy" | "unreachable" | "behind";
      readonly delaySeconds: number;
    };
/** The same for a job that may have to let another account go first, or whose source is paused. */
type Attempt = Dispatch | { readonly type: "behind"; readonly job: JobRow } | { readonly type: "put_off" };

/** Delay when no processor responded: enough for an instance to start or a network to recover. */
const UNREACHABLE_SECONDS = 5;
/** Delay before a job tries again that needs an instance to itself, or that must not go to every instance. */
const PICKY_SECONDS = 10;
/** Jobs that the end of one run may start: for the slot that it freed, and for slots that were freed unseen. */
const MAX_REFILL = 4;
/** Jobs that are tried to start these, since some are postponed or taken by another dispatcher. */
const MAX_TRIES = 20;
/** Jobs of other accounts that one dispatch message may try to start before its own. */
const MAX_BEFORE = 8;
/** Delay before a dispatch message that helped so many others returns for its own job. */
const BEHIND_SECONDS = 1;

/**
 * Claims a job for a processor and hands the run over. If other accounts come first, their jobs are started first, and
 * this one afterwards if there is room.
 */
export async function dispatchJob(context: RequestContext, id: string): Promise<Dispatch> {
  // a flood of dispatch messages must not query the database repeatedly while no slot is free
  const wait = context.capacity.waitSeconds(context.clock(), "single");
  if (wait > 0) return { type: "later", why: "busy", delaySeconds: wait };
  const passed = new Set<string>();
  for (let before = 0; before < MAX_BEFORE; before++) {
    const own = await attempt(context, await findJobForRun(context.db, id, copyTerms(context)), passed);
    if (own.type === "put_off") return { type: "nothing_to_do" };
    if (own.type !== "behind") return own;
    const other = await dispatchNext(context, passed);
    if (other?.type !== "later") continue;
    // a processor may be full for batches and have room for a single job
    const isHopeless = other.why === "unreachable" || runClassOf(own.job) === "batch";
    if (isHopeless) return other;
  }
  return { type: "later", why: "behind", delaySeconds: BEHIND_SECONDS };
}

/**
 * Starts due jobs while processors have room. Called when a slot was freed.
 *
 * @param freeSlots as the processor reports them; claiming more jobs would be pointless
 */
export async function dispatchDue(context: RequestContext, freeSlots = MAX_REFILL): Promise<void> {
  const wanted = Math.min(freeSlots, MAX_REFILL);
  // the processor has just reported room; while it is being filled, dispatch messages continue to treat it as full
  const informed = { ...context, capacity: new Capacity() };
  const passed = new Set<string>();
  let started = 0;
  for (let tries = 0; tries < MAX_TRIES && started < wanted; tries++) {
    const next = await dispatchNext(informed, passed);
    if (next === null || (next.type === "later" && next.why === "unreachable")) break;
    if (next.type === "started") started += 1;
  }
  if (started < freeSlots) context.capacity.learn(informed.capacity.busyUntil);
}

/**
 * Tries to start the next due job. An account whose job is postponed is skipped from then on.
 *
 * @returns null when there is no due job that might find room
 */
async function dispatchNext(context: RequestContext, passed: Set<string>): Promise<Attempt | null> {
  if (context.capacity.waitSeconds(context.clock(), "single") > 0) return null;
  const found = await findNextJobForRun(context.db, queueFilterOf(context, passed), copyTerms(context));
  if (!found) return null;
  const { id, account_id } = found.job;
  const next = await attempt(context, found, passed);
  if (next.type === "put_off") passed.add(account_id);
  // the job's own dispatch message may have been consumed while this claim stood
  if (next.type === "later") await sendDispatchMessages(context, [id], next.delaySeconds * 1000);
  return next;
}

function queueFilterOf({ capacity, clock }: RequestContext, passed: ReadonlySet<string>): QueueFilter {
  const now = clock();
  return {
    now,
    month: monthOf(now),
    singlesOnly: capacity.waitSeconds(now, "batch") > 0,
    passed: [...passed],
  };
}

/** Claims the job if it is next, and hands the run over. */
async function attempt(
  context: RequestContext,
  found: FoundJob | undefined,
  passed: ReadonlySet<string>,
): Promise<Attempt> {
  // a job without a due time is held back by its batch
  if (found?.job.status !== "Pending" || found.job.due_at === null) return { type: "nothing_to_do" };
  const { id } = found.job;
  const dueIn = found.job.due_at - context.clock();
  if (dueIn > 0) return { type: "later", why: "not_due", delaySeconds: Math.ceil(dueIn / 1000) };
  const wait = context.capacity.waitSeconds(context.clock(), runClassOf(found.job));
  if (wait > 0) return { type: "later", why: "busy", delaySeconds: wait };
  const urls = await openUrls(context, found.job);
  if (urls && (await endIfDenied(context, found.job, urls))) return { type: "nothing_to_do" };
  const cookies = urls ? await openCookies(context, found, urls) : NO_COOKIES;
  const admittance = await admit(context, found.job, found.config, cookies.jar?.exit ?? null);
  if (admittance.type === "put_off") return admittance;
  const { assignment, reservation } = admittance;
  const [firstExit] = assignment.exits;
  const reuse = reuseOf(found);
  if (reuse?.twin) {
    reservation.release();
    return waitFor(context, found.job, reuse.twin);
  }

  const [storage, file] = await Promise.all([
    openStorage(context, found),
    reuse?.file ? fileOf(context, reuse.file) : null,
  ]);
  const place = placeOf(context, found.job, assignment.refusedRunners);
  const claim = await claimFor(context, found.job, place, {
    filter: queueFilterOf(context, passed),
    columns: {
      ...storage?.columns,
      ...(firstExit ? { details: { ...found.job.details, exit: firstExit.name } } : {}),
    },
    isShared: reuse !== null,
  }).catch((error: unknown) => {
    context.runner.release(place);
    reservation.release();
    throw error;
  });
  if (claim.type !== "moved" || !storage || !urls) {
    context.runner.release(place);
    reservation.release();
  }
  if (claim.type === "behind") {
    // its twin may have been claimed since it was read
    const now = reuse && (await findJobForRun(context.db, id, copyTerms(context)));
    const twin = now && reuseOf(now)?.twin;
    return twin ? waitFor(context, now.job, twin) : claim;
  }
  if (claim.type !== "moved") return { type: "nothing_to_do" };
  const { attempt } = claim.move.state;
  if (!storage || !urls) {
    const code = storage ? "internal" : "upload_refused";
    await transition(context, id, { type: "failed", code }, { attempt });
    return { type: "nothing_to_do" };
  }
  const reportsSource = !(await context.denials.isEmpty(context));
  const exits = wireExits(context, assignment.exits, assignment.fetchesDirectly);
  const facts = {
    urls,
    storage,
    cookies,
    exits,
    reportsSource,
    ytdlp: policyFor(context, await context.backoffs.read(context), claim.job.media_url ?? claim.job.url),
    limits: found.limits,
    ...(reuse ? { reuse: { file } } : {}),
  };
  const run = await runOf(context, claim.job, attempt, facts);
  const response = await handOver(context, claim.job, run, place);
  return settle(context, claim.job, place, { attempt, response, reservation });
}

/** Hands the run over, as a span of the job's trace. */
async function handOver(
  context: RequestContext,
  job: JobRow,
  run: RunRequest,
  place: Place,
): Promise<StartResponse> {
  const { tracer, clock, runner } = context;
  const parent = parseTraceparent(job.traceparent);
  const trace = tracer.begin(parent);
  const start = clock();
  const response = await runner.start({ ...run, traceparent: formatTraceparent(trace) }, place);
  const { job_id, attempt } = run;
  const facts = { job_id, attempt, response: response.type, reason: reasonOf(response) };
  context.log("dispatch", { trace_id: trace.traceId, ...facts });
  tracer.end({
    ...{ trace, parent, name: "dispatch", kind: "producer", start, end: clock() },
    attributes: {
      "waterspout.job_id": job_id,
      "waterspout.attempt": attempt,
      "waterspout.response": response.type,
      "waterspout.instance": "runner" in response ? response.runner : null,
    },
    error: response.type === "unreachable" || response.type === "rejected" ? response.reason : null,
  });
  context.defer(tracer.flush());
  return response;
}

const placeOf = ({ runner }: RequestContext, job: JobRow, refused: readonly string[]): Place =>
  runner.place({
    jobId: job.id,
    runClass: runClassOf(job),
    alone: runsAlone(job),
    avoid: job.avoid_runner,
    refused,
  });

const claimFor = (
  context: RequestContext,
  job: JobRow,
  { order: [runner] }: Place,
  { filter, columns, isShared }: { filter: QueueFilter; columns: Partial<NewJobRow>; isShared: boolean },
) =>
  transition(
    context,
    job.id,
    { type: "claimed" },
    {
      read: job,
      filter,
      set: { ...columns, runner },
      unless: ({ id, storage_place }) =>
        isShared ? hasRunningTwin({ id, storage_place: columns.storage_place ?? storage_place }) : undefined,
      only: ({ due_at }) => due_at !== null && due_at <= context.clock(),
    },
  );

type FoundJob = JobForRun;

/** What the database knows of the job's media; null if it must not be copied. */
const reuseOf = ({ reuse }: Pick<FoundJob, "reuse">): ReuseOfJob | null =>
  reuse === null ? null : (JSON.parse(reuse) as ReuseOfJob);

/** Another job is fetching the same media. */
async function waitFor(context: RequestContext, job: JobRow, twin: string): Promise<Dispatch> {
  if (await postponeForTwin(context, job, twin)) return { type: "nothing_to_do" };
  // it has just ended
  return { type: "later", why: "not_due", delaySeconds: 1 };
}

/** Null if it cannot be copied after all; the media is fetched then. */
async function fileOf(context: RequestContext, jobId: string): Promise<DeliveredFile | null> {
  const terms = copyTerms(context);
  return terms && deliveredFile(context, jobId, terms);
}

/** Null if the job's storage is gone or cannot be opened: no processor can deliver it. */
async function openStorage(
  context: RequestContext,
  { job, ...sealed }: FoundJob,
): Promise<RunStorage | null> {
  try {
    return await storageOfJob(context, job, sealed);
  } catch (error) {
    context.log("storage_unreadable", { job_id: job.id, error: describeError(error) });
    return null;
  }
}

/** Null if the URLs cannot be opened: nothing can be fetched. */
async function openUrls(context: RequestContext, job: JobRow): Promise<SourceUrls | null> {
  try {
    return await openSourceUrls(context, job);
  } catch (error) {
    context.log("url_unreadable", { job_id: job.id, error: describeError(error) });
    return null;
  }
}

/** A source may be denied after its job was accepted. */
async function endIfDenied(
  context: RequestContext,
  job: JobRow,
  { url, media_url }: SourceUrls,
): Promise<boolean> {
  const denial =
    (await denialOfUrls(context, [url, media_url])) ?? (await denialOf(context, job.details?.marks ?? []));
  return denial !== null && endByDenial(context, job, contactOf(context, denial));
}

/** The stored cookies that the job's source may get; those that are bound to an exit that is gone are left out. */
async function openCookies(
  context: RequestContext,
  { job, jars }: FoundJob,
  { url, media_url }: SourceUrls,
): Promise<CookieUse> {
  const mode = Cookies.safeParse(job.request.cookies).data;
  const cookies = await cookiesForRun(context, media_url ?? url, { jars, mode });
  const bound = cookies.jar?.exit ?? null;
  if (bound === null) return cookies;
  const { exits } = await context.backoffs.read(context);
  return exits.some(({ name }) => name === bound) ? cookies : { ...cookies, jar: null };
}

/** A run that was offered to processors. */
interface HandedOver {
  readonly attempt: number;
  readonly response: StartResponse;
  readonly reservation: Reservation;
}

async function settle(
  context: RequestContext,
  before: JobRow,
  { order, isRestricted }: Place,
  { attempt, response, reservation }: HandedOver,
): Promise<Dispatch> {
  const { id } = before;
  if (response.type === "accepted") reservation.commit();
  else reservation.release();
  switch (response.type) {
    case "accepted":
      if (response.runner !== order[0]) await setRunner(context.db, id, attempt, response.runner);
      return { type: "started" };
    case "rejected":
      await transition(context, id, { type: "failed", code: "internal" }, { attempt });
      return { type: "nothing_to_do" };
    case "busy": {
      // a job that may not go everywhere says nothing about room for others, and lets them go first
      const isPicky = runsAlone(before) || isRestricted;
      const delaySeconds = isPicky
        ? Math.max(PICKY_SECONDS, response.retryAfterSeconds)
        : response.retryAfterSeconds;
      if (!isPicky) context.capacity.noteBusy(context.clock(), runClassOf(before), delaySeconds);
      await transition(
        context,
        id,
        { type: "refused" },
        {
          attempt,
          // it keeps its place in the queue
          set: {
            due_at: isPicky ? context.clock() + delaySeconds * 1000 : before.due_at,
            claimed_at: before.claimed_at,
            started_at: before.started_at,
            error_code: before.error_code,
          },
        },
      );
      return { type: "later", why: "busy", delaySeconds };
    }
    case "unreachable": {
      // in the meantime no other job has to wait for this one
      const due_at = context.clock() + UNREACHABLE_SECONDS * 1000;
      // the run may have begun nevertheless, so the next claim treats this one as its predecessor
      const set = {
        due_at,
        started_at: before.started_at,
        error_code: before.error_code,
        avoid_runner: response.runner,
      };
      await transition(context, id, { type: "refused" }, { attempt, set });
      return { type: "later", why: "unreachable", delaySeconds: UNREACHABLE_SECONDS };
    }
  }
}

const reasonOf = (response: StartResponse): string | undefined =>
  "reason" in response ? response.reason : undefined;
