import { jobSentence } from "../../../schema/errors.ts";
import type { SourceIdentity } from "../../../schema/wire/source-identity.ts";
import type { RequestContext } from "../../context.ts";
import { type DenialRow, denialsOf } from "../../db/rights/denial-rows.ts";
import { ApiError } from "../../lib/api-error.ts";
import { type Mark, marksOfIdentity, marksOfUrl } from "./marks.ts";

/** Whether the operator lets a source be delivered. */

type Asking = Pick<RequestContext, "db" | "clock" | "denials">;

/** Marks that one query compares: sources of a list share most of them. */
const MARKS_AT_ONCE = 10_000;

/** The denial of a source with one of these marks; null if it may be delivered. */
export async function denialOf(context: Asking, marks: readonly Mark[]): Promise<DenialRow | null> {
  if (marks.length === 0 || (await context.denials.isEmpty(context))) return null;
  const [first] = (await denialsOf(context.db, marks)).values();
  return first ?? null;
}

/** The same for an address, or several of the same source; those that are null do not count. */
export async function denialOfUrls(
  context: Asking,
  urls: readonly (string | null | undefined)[],
): Promise<DenialRow | null> {
  const [first] = await denialsOfSources(context, [urls]);
  return first ?? null;
}

/** The same for many sources at once. @returns a denial or null for each */
export async function denialsOfSources(
  context: Asking,
  sources: readonly (readonly (string | null | undefined)[])[],
): Promise<(DenialRow | null)[]> {
  if (sources.length === 0 || (await context.denials.isEmpty(context))) return sources.map(() => null);
  const marks = await Promise.all(
    sources.map(async (urls) => (await Promise.all(urls.map((url) => (url ? marksOfUrl(url) : [])))).flat()),
  );
  const all = [...new Set(marks.flat())];
  const denied = new Map<Mark, DenialRow>();
  for (let start = 0; start < all.length; start += MARKS_AT_ONCE) {
    for (const [mark, denial] of await denialsOf(context.db, all.slice(start, start + MARKS_AT_ONCE))) {
      denied.set(mark, denial);
    }
  }
  return marks.map((own) => own.map((mark) => denied.get(mark)).find(Boolean) ?? null);
}

/** @throws ApiError `denied` */
export async function requireAllowed(
  context: Asking & Pick<RequestContext, "config">,
  urls: readonly (string | null | undefined)[],
  marks: readonly Mark[] = [],
): Promise<void> {
  const denial = (await denialOfUrls(context, urls)) ?? (await denialOf(context, marks));
  if (denial) throw deniedError(context, denial);
}

/** The same for what a probe found. @throws ApiError `denied` */
export async function requireAllowedIdentity(
  context: Asking & Pick<RequestContext, "config">,
  identity: SourceIdentity | undefined,
): Promise<void> {
  if (await context.denials.isEmpty(context)) return;
  const denial = await denialOf(context, await marksOfIdentity(identity));
  if (denial) throw deniedError(context, denial);
}

/** Whom a caller asks about a denial, as its job's sentence says it. @example "legal@example.com (reference TD-17)" */
export function contactOf(
  { config }: Pick<RequestContext, "config">,
  { reference }: Pick<DenialRow, "reference">,
): string {
  const whom = config.rightsContact ?? "the operator";
  return reference === null ? whom : `${whom} and name the reference ${reference}`;
}

export const deniedError = (context: Pick<RequestContext, "config">, denial: DenialRow): ApiError =>
  new ApiError("denied", { sentence: jobSentence("denied", contactOf(context, denial)) });
