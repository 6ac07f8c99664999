import type { z } from "zod";
import type {
  CookieJarList,
  CookieJarView,
  NewCookieJar,
  SavedCookieJar,
} from "../../../schema/api/cookies/jar.ts";
import { CookieFormatError } from "../../../schema/cookies/cookie.ts";
import { printNetscape } from "../../../schema/cookies/netscape.ts";
import { readCookies, type SiteCookies } from "../../../schema/cookies/read-cookies.ts";
import { domainsOf, siteName } from "../../../schema/cookies/site-domains.ts";
import type { Adjustment } from "../../../schema/media.ts";
import type { RequestContext } from "../../context.ts";
import {
  type JarRow,
  jarsQuery,
  OPERATOR,
  otherJarsQuery,
  removeJar,
  saveJar,
} from "../../db/cookies/jar-rows.ts";
import { ApiError, invalidMember } from "../../lib/api-error.ts";
import { type Actor, auditRow } from "../accounts/audit.ts";
import { sealedForJar } from "../storage/sealed-for-jar.ts";

/** The vault of an account, or that of the operator, which serves all accounts. */

/** Most sites for which an owner may store cookies: each dispatch looks through them. */
const MAX_SITES = 100;

/** Checks and seals the cookies of a site, which replace the former ones. @throws ApiError `invalid_request` */
export async function setJar(
  context: RequestContext,
  by: Actor,
  owner: string,
  { site: named, cookies: sent, exit = null }: NewCookieJar & { readonly site: string },
): Promise<SavedCookieJar> {
  const site = requireSite(named);
  const { cookies, ...left } = read(sent, site, context.clock());
  if ((await otherJarsQuery(context.db, owner, site)) >= MAX_SITES) {
    throw invalidMember("site", `cannot be added: cookies are stored for ${MAX_SITES} sites already`);
  }
  const row: JarRow = {
    ...{ id: context.newId(), owner, site, domains: domainsOf(site), exit, state: "active", refusals: 0 },
    ...(await context.sealer.seal(printNetscape(cookies), sealedForJar({ owner, site }))),
    ...{ revision: context.newId(), cookies: cookies.length, set_at: context.clock() },
    ...{ renewed_at: null, used_at: null, stale_at: null, stale_code: null, reported_at: null },
  };
  const detail = { cookies: cookies.length, exit };
  const facts = { action: "cookies.set", accountId: accountOf(owner), subject: site, detail } as const;
  await saveJar(context.db, row, auditRow(context, by, facts));
  const adjustments = leftOut(site, left);
  return {
    message: `Cookies for ${site} saved`,
    ...{ site, cookies: cookies.length, exit },
    ...(adjustments.length === 0 ? {} : { adjustments }),
  };
}

function requireSite(named: string): string {
  const site = siteName(named);
  if (site === null) throw invalidMember("site", "must be the domain of a site, such as youtube.com");
  return site;
}

function read(sent: unknown, site: string, now: number): SiteCookies {
  try {
    return readCookies(sent, site, now);
  } catch (error) {
    if (error instanceof CookieFormatError) throw invalidMember("cookies", error.message);
    throw error;
  }
}

function leftOut(site: string, { foreign, expired }: Omit<SiteCookies, "cookies">): Adjustment[] {
  const reasons = [
    ...(foreign > 0 ? [[foreign, `Only cookies of ${site} are kept`] as const] : []),
    ...(expired > 0 ? [[expired, "They have expired"] as const] : []),
  ];
  return reasons.map(([count, reason]) => ({ field: "cookies", from: count, to: 0, reason }));
}

/** The sites of an owner; never a cookie. */
export async function listJars(
  context: RequestContext,
  owner: string,
): Promise<z.output<typeof CookieJarList>> {
  return { cookies: (await jarsQuery(context.db, owner)).map(viewJar) };
}

const viewJar = (row: JarRow): CookieJarView => ({
  ...{ site: row.site, cookies: row.cookies, exit: row.exit, state: row.state, set_at: row.set_at },
  ...{ renewed_at: row.renewed_at, used_at: row.used_at, stale_at: row.stale_at, stale_code: row.stale_code },
});

/** Removes the cookies of a site. @returns a sentence for people. @throws ApiError `not_found` */
export async function deleteJar(
  context: RequestContext,
  by: Actor,
  owner: string,
  named: string,
): Promise<string> {
  const site = requireSite(named);
  const facts = { action: "cookies.removed", accountId: accountOf(owner), subject: site } as const;
  if (await removeJar(context.db, owner, site, auditRow(context, by, facts))) {
    return `Cookies for ${site} removed`;
  }
  throw new ApiError("not_found", { sentence: `No cookies are stored for ${site}` });
}

const accountOf = (owner: string): string | null => (owner === OPERATOR ? null : owner);

export { OPERATOR };
