import type { z } from "zod";
import type {
  Denial,
  DenialQuery,
  NewDenial,
  TakedownJob,
  TakedownJobQuery,
} from "../../../schema/api/operator/denied.ts";
import { shownUrl } from "../../../schema/shown-url.ts";
import type { RequestContext } from "../../context.ts";
import * as rows from "../../db/rights/denial-rows.ts";
import { takedownJobPageQuery } from "../../db/rights/takedown-rows.ts";
import { invalidMember, notFound } from "../../lib/api-error.ts";
import { pageOf } from "../../lib/page-of.ts";
import { type Actor, auditRow } from "../accounts/audit.ts";
import { termsOf } from "../rights/marks.ts";
import { explained } from "./deal-with-job.ts";
import { beginWork } from "./takedown.ts";
import { viewDenials } from "./view.ts";

/** The operator's actions on what is not delivered. */

const EXPECTED = {
  url: "must be an http or https address",
  site: "must be a host such as example.com, or the name of a site such as vimeo",
  channel: "must be the address of a channel, or a site and an id or handle there, such as youtube @handle",
  hash: "must be a SHA-256 in hexadecimal: 64 digits",
} as const;

/** Denies a source from now on. @throws ApiError `invalid_request` for a value that is not of its kind */
export async function createDenial(context: RequestContext, by: Actor, asked: NewDenial): Promise<Denial> {
  const { kind, reason, note, reference, takedown } = asked;
  const terms = await termsOf(kind, asked.value);
  if (!terms) throw invalidMember("value", EXPECTED[kind]);
  const now = context.clock();
  const id = context.newId();
  const value = URL.canParse(asked.value) ? shownUrl(asked.value) : asked.value;
  const about = { accountId: null, subject: id };
  const audit = [
    auditRow(context, by, { ...about, action: "denied.created", detail: { kind, value, reason, reference } }),
    ...(takedown ? [auditRow(context, by, { ...about, action: "denied.takedown_started" })] : []),
  ];
  const work_due_at = takedown || kind === "url" ? now : null;
  const denial = { id, kind, value, reason, note, reference, created_at: now, work_due_at };
  const stored = await rows.insertDenial(
    context.db,
    { ...denial, takedown_at: takedown ? now : null },
    terms,
    audit,
  );
  context.denials.remove();
  if (work_due_at !== null) context.defer(beginWork(context, id));
  return viewOf(context, stored);
}

/** A page of denials, newest first. */
export async function listDenials(
  context: RequestContext,
  { kind, cursor, limit }: z.output<typeof DenialQuery>,
) {
  const filter = { kind, cursor: cursor?.toLowerCase() };
  const { page, next_cursor } = pageOf(await rows.denialPageQuery(context.db, filter, limit + 1), limit);
  return { denied: await viewDenials(context, page), next_cursor };
}

/** @throws ApiError `not_found` */
export async function readDenial(context: RequestContext, id: string): Promise<Denial> {
  return viewOf(context, await requireDenial(context, id));
}

/** @throws ApiError `not_found` */
export async function removeDenial(context: RequestContext, by: Actor, id: string): Promise<void> {
  const denial = await requireDenial(context, id);
  const { kind, value, reason, reference } = denial;
  const detail = { kind, value, reason, reference };
  const audit = auditRow(context, by, {
    action: "denied.removed",
    accountId: null,
    subject: denial.id,
    detail,
  });
  if (!(await rows.deleteDenial(context.db, denial.id, audit))) throw notFound("denial");
  context.denials.remove();
}

/** Begins the takedown of a denied source, or goes on with it. @throws ApiError `not_found` */
export async function takeDown(context: RequestContext, by: Actor, id: string): Promise<Denial> {
  const denial = await requireDenial(context, id);
  const audit = auditRow(context, by, {
    action: "denied.takedown_started",
    accountId: null,
    subject: denial.id,
  });
  await rows.beginTakedown(context.db, denial.id, context.clock(), audit);
  context.defer(beginWork(context, denial.id));
  return readDenial(context, denial.id);
}

/** A page of the jobs that a takedown matched, newest first. @throws ApiError `not_found` */
export async function listTakedownJobs(
  context: RequestContext,
  id: string,
  { state, cursor, limit }: z.output<typeof TakedownJobQuery>,
) {
  const denial = await requireDenial(context, id);
  const filter = { state, cursor: cursor?.toLowerCase() };
  const found = await takedownJobPageQuery(context.db, denial.id, filter, limit + 1);
  const jobs = found.slice(0, limit).map(
    ({ row, account_id }): TakedownJob => ({
      ...{ job_id: row.job_id, account_id, state: row.state, reason: row.reason },
      explanation: explained(row.reason),
      objects_deleted: row.objects,
      updated_at: row.updated_at,
    }),
  );
  return { jobs, next_cursor: found.length > limit ? (jobs.at(-1)?.job_id ?? null) : null };
}

async function requireDenial(context: RequestContext, id: string): Promise<rows.DenialRow> {
  const denial = await rows.findDenial(context.db, id.toLowerCase());
  if (!denial) throw notFound("denial");
  return denial;
}

async function viewOf(context: RequestContext, row: rows.DenialRow): Promise<Denial> {
  const [view] = await viewDenials(context, [row]);
  if (!view) throw new Error("a denial has no view");
  return view;
}
