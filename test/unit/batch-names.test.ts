import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { collidingRenames, FileNames, type Nameable, nameKey } from "../../worker/services/batches/names.ts";

const few = (...names: string[]) =>
  fc.constantFrom(...[...names, ...names.map((name) => `${name} (2)`)].filter(({ length }) => length <= 255));
const entry: fc.Arbitrary<Nameable> = fc.record({
  url: few("https://a.example/x", "https://a.example/X"),
  filename: fc.option(few("a", "A", "b", "é", "e\u0301", "x".repeat(255), "😀".repeat(127))),
  title: fc.option(few("a", "A")),
  sourceId: fc.option(few("1", "2")),
  isFetchedElsewhere: fc.boolean(),
});

describe("the files of a batch", () => {
  it("never have one name twice, whatever names are requested, and names stay short enough", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 40 }), (entries) => {
        const named = new FileNames().add(entries);
        const names = named.flatMap(({ filename }) => (filename === null ? [] : [filename]));
        expect(new Set(names.map(nameKey)).size).toBe(names.length);
        for (const name of names) {
          expect(name.length).toBeLessThanOrEqual(255);
          expect(name.isWellFormed()).toBe(true);
        }
        // an entry without a name is the only one with its URL
        const unnamed = entries.filter((_, index) => named[index]?.filename === null).map(({ url }) => url);
        expect(new Set(unnamed).size).toBe(unnamed.length);
        for (const [index, { filename }] of entries.entries()) {
          const given = named[index];
          if (filename === null || given?.filename === filename) continue;
          expect(given?.adjustments).toMatchObject([
            { field: "filename", from: filename, to: given?.filename },
          ]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("have different names after a renaming, too", () => {
    const ids = ["1", "2", "3", "4", "5"];
    const names = fc.uniqueArray(few("a", "b", "c", "d"), { minLength: 5, maxLength: 5, selector: nameKey });
    const renames = fc.uniqueArray(
      fc.record({ id: fc.constantFrom(...ids), filename: few("a", "B", "c", "D", "e") }),
      { selector: ({ id }) => id },
    );
    fc.assert(
      fc.property(names, renames, (before, asked) => {
        const after = new Map<string, string | null>(ids.map((id, index) => [id, before[index] ?? null]));
        const refused = collidingRenames(after, asked);
        for (const rename of asked) if (!refused.has(rename)) after.set(rename.id, rename.filename);
        const keys = [...after.values()].map((name) => nameKey(name ?? ""));
        expect(new Set(keys).size).toBe(keys.length);
      }),
      { numRuns: 500 },
    );
  });
});
