import { domainsOf } from "../../../schema/cookies/site-domains.ts";
import { domainsOfNamed, siteOf } from "../../../schema/telemetry/site.ts";
import type { DenialRow } from "../../db/rights/denial-rows.ts";
import type { Clues } from "../../db/rights/takedown-rows.ts";

/**
 * What the database looks for in the addresses of jobs, so that few have to be opened and compared: a host or an id that
 * every form of the denied address contains.
 */
export function cluesOf({ kind, value }: Pick<DenialRow, "kind" | "value">, terms: readonly string[]): Clues {
  const hashes = terms.flatMap((term) => (term.startsWith("bytes ") ? [term.slice("bytes ".length)] : []));
  const ids = terms.flatMap((term) => /^media \S+ (\S+)$/.exec(term)?.[1] ?? []);
  const hosts = terms.flatMap((term) => /^host (\S+)$/.exec(term)?.[1] ?? []);
  const sites = terms.flatMap((term) => domainsOfNamed(/^site (\S+)$/.exec(term)?.[1] ?? ""));
  const texts = [
    ...ids,
    ...hosts,
    ...sites,
    ...(kind === "url" || kind === "channel" ? hostsOfUrl(value) : []),
  ];
  return {
    terms,
    texts: [...new Set(texts.map((text) => text.toLowerCase()))],
    sha256: hashes[0] ?? null,
  };
}

/** The host without `www.`, or all domains of its site. */
function hostsOfUrl(value: string): readonly string[] {
  const host = URL.parse(value)
    ?.hostname.replace(/\.$/, "")
    .replace(/^(?:www|m|mobile)\./, "");
  if (!host) return [];
  return siteOf(value) === "other" ? [host] : domainsOf(host);
}
