import type { RequestContext } from "../../context.ts";
import { invalidMember } from "../../lib/api-error.ts";

/**
 * Checks that the operator has an exit in a country, before a job that asks for it is accepted.
 *
 * @param geo ISO 3166-1; undefined: any country
 * @throws ApiError `invalid_request` that names the countries with an exit
 */
export async function requireCountry(context: RequestContext, geo: string | undefined): Promise<void> {
  if (geo === undefined) return;
  const { exits } = await context.backoffs.read(context);
  const countries = [...new Set(exits.flatMap(({ country }) => country ?? []))].sort();
  if (countries.includes(geo)) return;
  const known = countries.length === 0 ? "no country is configured" : `available: ${countries.join(", ")}`;
  throw invalidMember("geo", `this server cannot ask sources from ${geo}; ${known}`);
}
