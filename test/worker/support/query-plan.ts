import { expect } from "vitest";
import { env } from "./env.ts";

interface Query {
  toSQL(): { readonly sql: string; readonly params: readonly unknown[] };
}

/** A table that is read from end to end; the members of a JSON list and a query's own derived tables do not count. */
const FULL_SCAN = expect.stringMatching(
  /^SCAN (?!beat\b|json_each\b|job\b|moving\b|in_order\b|name\b|delivery\b|ending\b|line\b|waiting\b|contender\b|due\b|\(subquery|LIST|CONSTANT)/,
);
const SORT = expect.stringMatching(/TEMP B-TREE/);

/** A query must find its rows by an index, and in its order, unless it may sort the few rows that it found. */
export async function expectIndexed(
  query: Query,
  { ordered }: { ordered: "by index" | "in memory" } = { ordered: "by index" },
): Promise<void> {
  const { sql, params } = query.toSQL();
  const { results } = await env.DB.prepare(`explain query plan ${sql}`)
    .bind(...params)
    .all<{ detail: string }>();
  const plan = results.map(({ detail }) => detail);
  expect(plan.length).toBeGreaterThan(0);
  expect(plan).not.toEqual(expect.arrayContaining([FULL_SCAN]));
  if (ordered === "by index") expect(plan).not.toEqual(expect.arrayContaining([SORT]));
}
