import type { Limits } from "../../schema/api/account.ts";
import { JobRequest, MAX_RECORDING_SECONDS } from "../../schema/api/job-request.ts";
import type { Predecessor, RunRequest } from "../../schema/wire/run.ts";
import { WIRE_VERSION } from "../../schema/wire/version.ts";
import { findDueJobs, setRunner } from "../db/job-queue.ts";
import { findJobForRun, type JobRow } from "../db/job-rows.ts";
import { describeError } from "../lib/log.ts";
import type { Scope } from "../services.ts";
import { sendHints } from "./hints.ts";
import { runToken } from "./run-token.ts";
import type { StartAnswer } from "./runner.ts";
import { putOffBlocked } from "./source-backoff.ts";
import { type RunStorage, storageOfJob } from "./storage-of-job.ts";
import { transition } from "./transitions.ts";
import { maxFilesizeOf } from "./usage.ts";

/** Takes due jobs and hands them to processors. It never waits for a job. */

/** What a dispatch came to. */
export type Dispatch =
  | { readonly type: "started" }
  /** Gone, ended, running, or taken by another dispatcher. */
  | { readonly type: "nothing_to_do" }
  /** Not due yet, or no processor has room. */
  | { readonly type: "later"; readonly delaySeconds: number };

/** When nobody answered: time for an instance to start or for a network to mend. */
const UNREACHABLE_SECONDS = 5;
/** A stream that has not begun is waited for at most this long after its job was accepted. */
const LONGEST_WAIT_MS = 24 * 60 * 60_000;
/** Jobs that one ended run may start: the slot that it freed, and those that freed unseen. */
const MAX_REFILL = 4;

/** Claims a job for a processor and hands the run over. */
export async function dispatchJob(scope: Scope, id: string): Promise<Dispatch> {
  const found = await findJobForRun(scope.db, id);
  if (found?.job.status !== "Pending") return { type: "nothing_to_do" };
  const dueIn = (found.job.due_at ?? 0) - scope.clock();
  if (dueIn > 0) return { type: "later", delaySeconds: Math.ceil(dueIn / 1000) };
  const wait = scope.capacity.waitSeconds(scope.clock());
  if (wait > 0) return { type: "later", delaySeconds: wait };
  if (await putOffBlocked(scope, found.job)) return { type: "nothing_to_do" };

  const storage = await openStorage(scope, found);
  const claim = await transition(
    scope,
    id,
    { type: "claimed" },
    {
      read: found.job,
      ...(storage ? { set: storage.columns } : {}),
      only: (job) => (job.due_at ?? 0) <= scope.clock(),
    },
  );
  if (claim.type !== "moved") return { type: "nothing_to_do" };
  const { attempt } = claim.move.state;
  if (!storage) {
    await transition(scope, id, { type: "failed", code: "upload_refused" }, { attempt });
    return { type: "nothing_to_do" };
  }
  const answer = await scope.runner.start(await runOf(scope, claim.job, attempt, storage, found.limits));
  scope.log("dispatch", { job_id: id, attempt, answer: answer.type, reason: reasonOf(answer) });
  return settle(scope, claim.job, attempt, answer);
}

type FoundJob = NonNullable<Awaited<ReturnType<typeof findJobForRun>>>;

/** Null when the job's storage is gone or cannot be opened: no processor can deliver it. */
async function openStorage(scope: Scope, { job, ...sealed }: FoundJob): Promise<RunStorage | null> {
  try {
    return await storageOfJob(scope, job, sealed);
  } catch (error) {
    scope.log("storage_unreadable", { job_id: job.id, error: describeError(error) });
    return null;
  }
}

/**
 * Starts jobs that are due while processors have room: called when a slot was freed.
 *
 * @param freeSlots as the processor tells them; more jobs would be claimed in vain
 */
export async function dispatchDue(scope: Scope, freeSlots = MAX_REFILL): Promise<void> {
  const limit = Math.min(freeSlots, MAX_REFILL);
  if (limit === 0) return;
  for (const id of await findDueJobs(scope.db, scope.clock(), limit)) {
    const dispatched = await dispatchJob(scope, id);
    if (dispatched.type !== "later") continue;
    // while this claim stood, the job's own hint may have come and gone
    await sendHints(scope, [id], dispatched.delaySeconds * 1000);
    return;
  }
}

async function settle(scope: Scope, before: JobRow, attempt: number, answer: StartAnswer): Promise<Dispatch> {
  const { id } = before;
  switch (answer.type) {
    case "accepted":
      if (answer.runner !== scope.runner.preferred(id)) await setRunner(scope.db, id, attempt, answer.runner);
      return { type: "started" };
    case "rejected":
      await transition(scope, id, { type: "failed", code: "internal" }, { attempt });
      return { type: "nothing_to_do" };
    case "busy":
      scope.capacity.noteBusy(scope.clock(), answer.retryAfterSeconds);
      await transition(
        scope,
        id,
        { type: "refused" },
        {
          attempt,
          set: { claimed_at: before.claimed_at, started_at: before.started_at },
        },
      );
      return { type: "later", delaySeconds: answer.retryAfterSeconds };
    case "unreachable":
      // the run may have begun all the same: its successor hears of this claim as of a predecessor
      await transition(scope, id, { type: "refused" }, { attempt, set: { started_at: before.started_at } });
      return { type: "later", delaySeconds: UNREACHABLE_SECONDS };
  }
}

/** All that a processor needs to know of a job. */
async function runOf(
  scope: Scope,
  job: JobRow,
  attempt: number,
  storage: RunStorage,
  limits: Limits | null,
): Promise<RunRequest> {
  const request = JobRequest.parse(job.request);
  return {
    v: WIRE_VERSION,
    job_id: job.id,
    attempt,
    token: await runToken(scope.config.processorToken, job.id, attempt),
    url: job.url,
    plan: job.plan,
    adjustments: job.adjustments,
    filename: request.filename ?? null,
    key_prefix: {
      ...storage.key_prefix,
      ...(request.folder === undefined ? {} : { folder: request.folder }),
    },
    subtitles: request.download_subtitles ? { languages: request.subtitle_languages ?? ["en"] } : null,
    thumbnail: request.download_thumbnail ?? false,
    limits: {
      max_filesize_bytes: maxFilesizeOf(limits, job.reserved_bytes),
      max_duration_seconds: limits?.max_duration_seconds ?? null,
    },
    target: storage.target,
    predecessor: predecessorOf(job, storage),
    wait: request.wait_for_video ? { since: job.created_at, until: job.created_at + LONGEST_WAIT_MS } : null,
    recording: {
      asked: request.live_recording ?? false,
      from_start: request.live_from_start ?? false,
      max_seconds: request.max_duration ?? MAX_RECORDING_SECONDS,
    },
  };
}

function predecessorOf(job: JobRow, { samePlace }: RunStorage): Predecessor | null {
  const { claimed_at, created_at, upload_key, upload_ref } = job;
  const named = upload_key !== null && upload_ref !== null ? { key: upload_key, ref: upload_ref } : null;
  const upload = samePlace ? named : null;
  if (claimed_at === null && upload === null) return null;
  return { claimed_at: claimed_at ?? created_at, upload };
}

const reasonOf = (answer: StartAnswer): string | undefined =>
  "reason" in answer ? answer.reason : undefined;
