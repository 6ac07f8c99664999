import { z } from "zod";
import type { CookieMode } from "../../../schema/api/cookies/mode.ts";
import { domainsOf, isWithin } from "../../../schema/cookies/site-domains.ts";
import type { CookieUse, WireJar } from "../../../schema/wire/cookies.ts";
import type { Asker, RequestContext } from "../../context.ts";
import { type FoundJar, jarsForUrlQuery, OPERATOR } from "../../db/cookies/jar-rows.ts";
import { describeError } from "../../lib/log.ts";
import { sealedForJar } from "../storage/sealed-for-jar.ts";

const FoundJars = z.array(
  z.object({
    ...{ id: z.string(), owner: z.string(), site: z.string(), sealed: z.string() },
    exit: z.string().nullable(),
  }),
);

/** The cookies for a run, of what the query about its job found. @param jars in JSON */
export const cookiesForRun = (
  context: Pick<RequestContext, "sealer" | "log">,
  url: string,
  { jars, mode = "fallback" }: { readonly jars: string; readonly mode?: CookieMode | undefined },
): Promise<CookieUse> => cookiesOf(context, url, mode, () => FoundJars.parse(JSON.parse(jars)));

/** The cookies for a probe or a list. */
export const cookiesForProbe = (
  context: RequestContext,
  url: string,
  { accountId, cookies: mode = "fallback" }: Asker,
): Promise<CookieUse> => cookiesOf(context, url, mode, () => jarsForUrlQuery(context.db, accountId, url));

/** The account's own jar goes before the operator's. */
async function cookiesOf(
  context: Pick<RequestContext, "sealer" | "log">,
  url: string,
  mode: CookieMode,
  find: () => readonly FoundJar[] | PromiseLike<readonly FoundJar[]>,
): Promise<CookieUse> {
  if (mode === "never") return { mode, jar: null };
  const host = new URL(url).hostname;
  const found = (await find()).filter(({ site }) => isWithin(host, domainsOf(site)));
  // the jar of a subdomain is more exact than that of its site
  const best = found.toSorted((a, b) => rank(a) - rank(b) || b.site.length - a.site.length);
  for (const jar of best) {
    const opened = await open(context, jar);
    if (opened) return { mode, jar: opened };
  }
  return { mode, jar: null };
}

const rank = ({ owner }: FoundJar): number => (owner === OPERATOR ? 1 : 0);

/** Null if no key of `SEALING_KEYS` opens it; a run without cookies may do. */
async function open(
  { sealer, log }: Pick<RequestContext, "sealer" | "log">,
  { id, owner, site, exit, sealed }: FoundJar,
): Promise<WireJar | null> {
  try {
    const text = await sealer.open(sealed, sealedForJar({ owner, site }));
    return { id, site, owner: owner === OPERATOR ? "operator" : "account", text, exit };
  } catch (error) {
    log("cookies_unreadable", { site, error: describeError(error) });
    return null;
  }
}
