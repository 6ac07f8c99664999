import type { RE2JS } from "re2js";
import type { Filters } from "../../../schema/api/subscriptions/subscription.ts";
import { invalidMember } from "../../lib/api-error.ts";

/** What filters look at. */
export interface Filterable {
  readonly title: string | null;
  readonly duration: number | null;
  readonly published_at: number | null;
  readonly live: string | null;
  readonly is_short: boolean | null;
}

/** Names the filter that leaves an entry out; null: it passes. */
export type Judge = (entry: Filterable) => string | null;

/** Titles are matched up to this length, in characters. */
const MAX_TITLE = 500;
const DAY_MS = 24 * 60 * 60_000;

/** Prepares filters. What a source does not state does not leave an entry out, except for words and patterns of titles. */
export async function judgeOf(filters: Filters): Promise<Judge> {
  const { title_words, title_without, title_pattern } = filters;
  const pattern = title_pattern === undefined ? null : await compile(title_pattern);
  const wanted = title_words?.map(folded);
  const unwanted = title_without?.map(folded);
  const after = filters.published_after === undefined ? null : Date.parse(filters.published_after);
  const before =
    filters.published_before === undefined ? null : Date.parse(filters.published_before) + DAY_MS;
  return ({ title, duration, published_at, live, is_short }) => {
    const text = (title ?? "").slice(0, MAX_TITLE);
    const plain = folded(text);
    if (wanted && !wanted.some((word) => plain.includes(word))) return "title_words";
    if (unwanted?.some((word) => plain.includes(word))) return "title_without";
    if (pattern && !pattern.matcher(text).find()) return "title_pattern";
    if (duration !== null && duration < (filters.min_duration ?? 0)) return "min_duration";
    if (duration !== null && duration > (filters.max_duration ?? Number.POSITIVE_INFINITY))
      return "max_duration";
    if (published_at !== null && after !== null && published_at < after) return "published_after";
    if (published_at !== null && before !== null && published_at >= before) return "published_before";
    if (isLeftOut(filters.live, live !== null)) return "live";
    if (isLeftOut(filters.shorts, is_short === true)) return "shorts";
    return null;
  };
}

const isLeftOut = (choice: Filters["live"], is: boolean): boolean =>
  choice === "exclude" ? is : choice === "only" ? !is : false;

/** For a comparison in any case and without accents. */
const folded = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** @throws ApiError `invalid_request` for a pattern that RE2 does not take */
export async function requireFilters({ title_pattern }: Filters = {}): Promise<void> {
  if (title_pattern !== undefined) await compile(title_pattern);
}

/** A pattern whose matching takes linear time, whatever the title. The library is large, so it is loaded on first use. */
async function compile(pattern: string): Promise<RE2JS> {
  const { RE2JS } = await import("re2js");
  try {
    return RE2JS.compile(pattern, RE2JS.CASE_INSENSITIVE);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalidMember(
      "filters.title_pattern",
      `must be a regular expression of RE2, which has no look-around and no back-references (${reason})`,
    );
  }
}
