import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Column, is as drizzleIs, SQL, sql, Table } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { withQuickCheck } from "../../bin/stack/platform/quick-entity-checks.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";

const ENTITY = fileURLToPath(new URL("entity.js", import.meta.resolve("drizzle-orm")));

async function quickCheck(): Promise<typeof drizzleIs> {
  const source = withQuickCheck(readFileSync(ENTITY, "utf8"));
  const module = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  return module.is;
}

describe("the quick check of drizzle's entities", () => {
  it("says the same as drizzle's own", async () => {
    const is = await quickCheck();
    const values = [
      jobs,
      jobs.id,
      sql`1`,
      sql.placeholder("id"),
      sql`1`.as("one"),
      null,
      undefined,
      3,
      "text",
      {},
    ];
    const types = [Table, Column, SQL, SQL.Aliased];
    for (const value of values)
      for (const type of types) expect(is(value, type)).toBe(drizzleIs(value, type));
    expect(is(jobs.id, Column)).toBe(true);
  });

  it("refuses a version of drizzle whose check is another", () => {
    expect(() => withQuickCheck("function is(value, type) { return true; }")).toThrow("another check");
  });
});
