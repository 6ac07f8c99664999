import type { Readiness } from "../../../schema/api/health.ts";
import { NEWEST_MIGRATION } from "../../../schema/db/newest-migration.ts";
import type { RequestContext } from "../../context.ts";
import { databaseFacts, stalledSince, writeAndRemove } from "../../db/metrics/readiness.ts";
import { describeError } from "../../lib/log.ts";
import type { RunnerHealth } from "../runs/runner.ts";

/** Maximum size of one D1 database, in bytes. */
const MAX_DATABASE_BYTES = 10e9;
/** The operator is warned from this share on. */
const NEARLY_FULL = 0.8;

/** A due job is started within seconds; reconcile sends its message again after two minutes, and once more after four. */
const STALLED_MS = 5 * 60_000;
/** Reconcile has sent a message within this time, so its work does go on. */
const ANNOUNCED_MS = 90_000;

/** Checks every part that a job needs. */
export async function readiness(context: RequestContext): Promise<Readiness> {
  const [database, queue, storage, health] = await Promise.all([
    checkDatabase(context),
    checkQueue(context),
    checkStorage(context),
    context.runner.health(),
  ]);
  const processor = judge(health);
  const parts = { database, queue, storage, processor };
  const isReady = Object.values(parts).every(({ ok }) => ok);
  const warns =
    Object.values(parts).some(({ detail }) => detail !== undefined) ||
    processor.checks.some(({ status }) => status !== "ok");
  return { status: isReady ? (warns ? "degraded" : "ready") : "unavailable", parts };
}

/** A processor whose own checks predict that jobs will fail still receives jobs, so the service is not ready. */
function judge({ ok, detail, checks = [] }: RunnerHealth): Readiness["parts"]["processor"] {
  const failed = checks.filter(({ status }) => status === "failed");
  const details = [...(detail === undefined ? [] : [detail]), ...failed.map((check) => check.detail)];
  return {
    ok: ok && failed.length === 0,
    ...(details.length > 0 && { detail: details.join("; ") }),
    checks: [...checks],
  };
}

async function checkStorage({ bucket }: RequestContext): Promise<Readiness["parts"]["storage"]> {
  const failure = await bucket.checkWrite();
  return failure === null ? { ok: true } : { ok: false, detail: failure };
}

async function checkDatabase(context: RequestContext): Promise<Readiness["parts"]["database"]> {
  const { db, databaseWrites } = context;
  try {
    const { size: size_bytes, isMigrated } = await databaseFacts(db, NEWEST_MIGRATION);
    if (!isMigrated) return { ok: false, size_bytes, detail: MIGRATION_MISSING };
    const failure = await databaseWrites.run(() => checkWrites(context));
    if (failure !== null) return { ok: false, size_bytes, detail: failure };
    const isFull = size_bytes !== null && size_bytes > NEARLY_FULL * MAX_DATABASE_BYTES;
    return { ok: true, size_bytes, ...(isFull ? { detail: nearlyFull(size_bytes) } : {}) };
  } catch {
    return { ok: false, size_bytes: null, detail: "the database does not answer" };
  }
}

const MIGRATION_MISSING = `the database lacks the migration ${NEWEST_MIGRATION}; npm run deploy applies it, and so does a start of the self-hosted program`;

/** A database that is full, or on a disk that is, can still be read. */
async function checkWrites({ db, log }: RequestContext): Promise<string | null> {
  try {
    await writeAndRemove(db);
    return null;
  } catch (error) {
    log("database_not_writable", { error: describeError(error) });
    return "the database takes no changes: it is full, its disk is full, or it may not be written; see the log";
  }
}

const nearlyFull = (bytes: number): string =>
  `the database holds ${(bytes / 1e9).toFixed(1)} of ${MAX_DATABASE_BYTES / 1e9} GB; lower JOB_RETENTION_DAYS`;

async function checkQueue({
  clock,
  db,
  dispatchQueue,
}: RequestContext): Promise<Readiness["parts"]["queue"]> {
  try {
    await dispatchQueue.metrics();
  } catch {
    return { ok: false, detail: "the queue does not answer" };
  }
  const now = clock();
  const since = await stalledSince(db, {
    dueBefore: now - STALLED_MS,
    announcedAfter: now - ANNOUNCED_MS,
    // the database reports its own failure
  }).catch(() => null);
  if (since === null) return { ok: true };
  const seconds = Math.round((now - since) / 1000);
  return {
    ok: false,
    detail: `a job has been due for ${seconds} s and none is taken: the consumer of the dispatch queue does not run, or no processor can be started; see the log`,
  };
}
