import { applyCookieChanges } from "../../../schema/cookies/cookie.ts";
import { parseNetscape, printNetscape } from "../../../schema/cookies/netscape.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { CookieReport } from "../../../schema/wire/cookies.ts";
import type { RequestContext } from "../../context.ts";
import {
  findJar,
  type JarRow,
  MAX_REFUSALS,
  noteRefused,
  noteUsed,
  OPERATOR,
  onLastRefusal,
  renewJar,
} from "../../db/cookies/jar-rows.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { describeError } from "../../lib/log.ts";
import { sealedForJar } from "../storage/sealed-for-jar.ts";
import { staleDeliveries } from "../webhooks/events.ts";

/** What an outcome says about the cookies that its run sent. */
export interface UseOfCookies {
  /** Absent if the run sent none of the vault. */
  readonly cookies?: CookieReport | undefined;
  /** How the run failed; absent if it did not. */
  readonly code?: JobErrorCode | undefined;
}

/** What belongs to the move of a job, and what remains to be done after it. */
export interface JarChanges {
  readonly statements: (job: JobRow) => readonly GuardedStatement[];
  /** Makes up for a change that another run's report crossed. Call it once the move is made. */
  readonly settle: () => Promise<void>;
}

const NO_CHANGES: JarChanges = { statements: () => [], settle: async () => {} };

/**
 * Writes what a run found out about a jar together with its outcome, so that a run which lost its job changes nothing. A
 * jar that was replaced meanwhile is left alone.
 */
export async function jarChanges(
  context: RequestContext,
  { cookies: report, code = "login_required" }: UseOfCookies,
): Promise<JarChanges> {
  if (report === undefined) return NO_CHANGES;
  const jar = await findJar(context.db, report.id);
  if (!jar) return NO_CHANGES;
  const now = context.clock();
  if (report.result === "refused") {
    return { ...NO_CHANGES, statements: (job) => refusalOf(context, { jar, job, code }) };
  }
  const isAccepted = report.result === "accepted";
  const used: GuardedStatement = (db, guard) => noteUsed(db, jar.id, now, isAccepted, guard);
  const { updated } = report;
  const renewed = updated === undefined ? null : await renewalOf(context, jar, updated);
  if (updated === undefined || renewed === null) return { ...NO_CHANGES, statements: () => [used] };
  return {
    statements: () => [used, (db, guard) => renewJar(db, jar, renewed, guard)],
    settle: async () => {
      const after = await findJar(context.db, jar.id);
      if (after && after.revision !== renewed.revision) await renew(context, after, updated);
    },
  };
}

/** Stores what a probe found out; it has no claim, and its refusals do not count, because no event would report them. */
export async function noteProbe(context: RequestContext, report: CookieReport | undefined): Promise<void> {
  if (report === undefined || report.result === "refused") return;
  await noteUsed(context.db, report.id, context.clock(), report.result === "accepted");
  const jar = report.updated === undefined ? undefined : await findJar(context.db, report.id);
  if (jar && report.updated !== undefined) await renew(context, jar, report.updated);
}

interface Refusal {
  readonly jar: JarRow;
  readonly job: JobRow;
  readonly code: JobErrorCode;
}

/** The second refusal in a row makes the jar stale, and its owner gets an event. */
function refusalOf(context: RequestContext, { jar, job, code }: Refusal): readonly GuardedStatement[] {
  const now = context.clock();
  const { id, owner, site } = jar;
  if (jar.refusals >= MAX_REFUSALS - 1) context.log("cookies_stale", { site, owner, code });
  const events = owner === OPERATOR ? [] : staleDeliveries(context, job, { site, code });
  return [
    ...events.map((event) => onLastRefusal(id, event)),
    (db, guard) => noteRefused(db, id, now, code, guard),
  ];
}

/** Tries in case several runs report changes of one jar at the same time. */
const MAX_RACES = 5;

async function renew(context: RequestContext, read: JarRow, updated: string): Promise<void> {
  let jar: JarRow | undefined = read;
  for (let race = 0; race < MAX_RACES && jar; race++) {
    const renewed = await renewalOf(context, jar, updated);
    if (renewed === null || (await renewJar(context.db, jar, renewed)).length > 0) return;
    jar = await findJar(context.db, jar.id);
  }
}

/** The jar with the changes of a run; null if it cannot be opened, or nothing would be left of it. */
async function renewalOf(
  { sealer, clock, newId, log }: RequestContext,
  jar: JarRow,
  updated: string,
): Promise<Pick<JarRow, "sealed" | "key_id" | "revision" | "cookies" | "renewed_at"> | null> {
  try {
    const before = parseNetscape(await sealer.open(jar.sealed, sealedForJar(jar)));
    const after = applyCookieChanges(before, parseNetscape(updated), clock());
    if (after.length === 0) return null;
    const sealed = await sealer.seal(printNetscape(after), sealedForJar(jar));
    return { ...sealed, revision: newId(), cookies: after.length, renewed_at: clock() };
  } catch (error) {
    log("cookies_not_renewed", { site: jar.site, error: describeError(error) });
    return null;
  }
}
