/** `npm run readme`: regenerates the tables of the README and of the pages below `docs/` from the code. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tablesOf, withFreshTables } from "./readme/tables.ts";
import { inRoot } from "./stack/paths.ts";

const pages = readdirSync(inRoot("docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => inRoot("docs", name));
for (const file of [inRoot("README.md"), ...pages]) {
  const page = readFileSync(file, "utf8");
  if (tablesOf(page).length > 0) writeFileSync(file, withFreshTables(page));
}
