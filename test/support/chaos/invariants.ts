import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Job } from "../../../schema/api/job.ts";
import { FINAL_STATUSES } from "../../../schema/states.ts";
import type { ReceivedEvent } from "../webhook-receiver.ts";
import type { World } from "./faults.ts";
import type { LoadJob } from "./load.ts";

/** What must hold after a round, whatever went wrong in it; each broken invariant is a sentence. */

export interface RoundFacts {
  readonly world: World;
  /** The jobs of this round. */
  readonly jobs: readonly LoadJob[];
  readonly cancelled: ReadonlySet<string>;
  /** The round had a fault with which jobs may fail. */
  readonly mayFail: boolean;
  /** Folder of the source's files. */
  readonly sourceRoot: string;
  readonly received: readonly ReceivedEvent[];
}

export async function brokenInvariants(facts: RoundFacts): Promise<string[]> {
  const views = await Promise.all(
    facts.jobs.map(async (job) => ({ job, view: await facts.world.stack.job(job.id) })),
  );
  const broken = [
    ...views.flatMap(({ job, view }) => wrongEnd(facts, job, view)),
    ...(await Promise.all(views.map(({ job, view }) => wrongObject(facts, job, view)))).flat(),
    ...(await remains(facts.world)),
    ...wrongCounters(facts.world),
    ...views.flatMap(({ view }) => wrongEvents(facts, view)),
  ];
  return broken;
}

const isOver = ({ status }: Job): boolean => (FINAL_STATUSES as readonly string[]).includes(status);

function wrongEnd({ cancelled, mayFail }: RoundFacts, { id, kind }: LoadJob, view: Job): string[] {
  if (view.status === "Completed") return [];
  if (!isOver(view)) return [`${kind} ${id} has not ended: ${view.status}`];
  if (view.error_code === "cancelled" && cancelled.has(id)) return [];
  if (mayFail && view.error_code === "upload_refused") return [];
  return [`${kind} ${id} ended ${view.status} with ${view.error_code}`];
}

async function wrongObject(
  { sourceRoot }: RoundFacts,
  { id, kind, equals, seconds }: LoadJob,
  view: Job,
): Promise<string[]> {
  if (view.status !== "Completed") return [];
  const response = await fetch(view.s3_url ?? "");
  const bytes = Buffer.from(await response.arrayBuffer());
  const sha256 = sha256Of(bytes);
  // a copy that found no room on the disk has no digest, and says so
  const isUnhashed = view.sha256 === null && view.adjustments.some(({ field }) => field === "sha256");
  const stated = isUnhashed ? sha256 : view.sha256;
  const expected = equals === null ? stated : sha256Of(await readFile(join(sourceRoot, equals)));
  const wrong = [
    ...(response.ok ? [] : [`answers ${response.status}`]),
    ...(bytes.length === view.file_size ? [] : [`has ${bytes.length} of ${view.file_size} bytes`]),
    ...(sha256 === stated ? [] : ["has another digest than the job says"]),
    ...(sha256 === expected ? [] : ["is not its source"]),
    ...(seconds === null || Math.abs((view.duration ?? 0) - seconds) < 0.5
      ? []
      : [`lasts ${view.duration} s`]),
  ];
  return wrong.map((what) => `the object of ${kind} ${id} ${what}`);
}

/** Uploads, objects without a job, pieces, work files, processes and credentials. */
async function remains({ stack, database, storages }: World): Promise<string[]> {
  const tools = await stack.toolPids();
  // a Worker that is killed while it checks the bucket leaves an object that the next check deletes
  const keys = storages.flatMap((storage) => storage.keys()).filter((key) => !key.startsWith(".waterspout/"));
  const uploads = storages.flatMap((storage) => storage.unfinished());
  const named = new Set(
    database
      .rows<{ key: string }>("select object_key as key from jobs where object_key is not null")
      .map(({ key }) => key),
  );
  const work = await readdir(join(stack.stateDir, "work", "runs")).catch(() => []);
  const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
  return [
    ...keys.filter((key) => !named.has(key)).map((key) => `the object ${key} belongs to no job`),
    ...twice.map((key) => `the object ${key} is there twice`),
    ...[...named].filter((key) => !keys.includes(key)).map((key) => `the object ${key} is missing`),
    ...uploads.map((key) => `an upload of ${key} is unfinished`),
    ...work.map((name) => `the work folder ${name} is left`),
    ...tools.map((pid) => `the tool ${pid} is left`),
    ...(database.count("select count(*) from job_credentials") === 0 ? [] : ["credentials are left"]),
    ...(database.count(
      "select count(*) from jobs where upload_ref is not null or recording_key is not null",
    ) === 0
      ? []
      : ["a job names something unfinished"]),
  ];
}

function wrongCounters({ database }: World): string[] {
  const same = (what: string, ...queries: readonly [string, string]): string[] => {
    const [counted, true_] = queries.map((query) => database.count(query));
    return counted === true_ ? [] : [`${what} is ${counted} and must be ${true_}`];
  };
  const ended = "select count(*) from jobs where finished_at is not null";
  const bytes = "select coalesce(sum(file_size), 0) from jobs where status = 'Completed'";
  return [
    ...same("the usage", "select coalesce(sum(jobs), 0) from usage", ended),
    ...same("the usage of keys", "select coalesce(sum(jobs), 0) from key_usage", ended),
    ...same("the delivered size", "select coalesce(sum(delivered_bytes), 0) from usage", bytes),
    ...same("the delivered size of keys", "select coalesce(sum(delivered_bytes), 0) from key_usage", bytes),
    ...same("the number of ended jobs", "select coalesce(sum(jobs), 0) from job_counts", ended),
    ...same(
      "the number of batches that ended",
      "select count(*) from batches where finished_at is not null",
      "select count(*) from batches",
    ),
  ];
}

/** One event for each job, with one id over all attempts, that says how the job ended. */
function wrongEvents({ world, received }: RoundFacts, { id, status }: Job): string[] {
  const rows = world.database.rows<{ event_id: string; status: string }>(
    `select event_id, status from webhook_deliveries where job_id = '${id}' and kind = 'webhook'`,
  );
  const [row] = rows;
  const events = received.filter(({ content }) => content.job_id === id && content.type !== "job_progress");
  const said = new Set(events.map(({ content }) => content.status));
  const ids = new Set(events.map(({ eventId }) => eventId));
  const expected = status.toLowerCase();
  const isRight =
    rows.length === 1 &&
    row?.status === "delivered" &&
    ids.size === 1 &&
    ids.has(row.event_id) &&
    said.size === 1 &&
    said.has(expected);
  return isRight
    ? []
    : [
        `${id} (${status}) has ${rows.length} deliveries (${row?.status}), ${ids.size} events that say ${[...said].join()}`,
      ];
}

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
