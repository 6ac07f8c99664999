import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { FORMATS_PAGE, formatsPage } from "../support/formats-page.ts";

it("docs/formats.md matches what the matrix proves; `npx node test/support/formats-page.ts` rewrites it", async () => {
  expect(await readFile(FORMATS_PAGE, "utf8")).toBe(formatsPage());
});
