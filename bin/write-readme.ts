/** `npm run readme`: regenerates the README's tables of formats and variables from the code. */
import { readFileSync, writeFileSync } from "node:fs";
import { withFreshTables } from "./readme/tables.ts";
import { inRoot } from "./stack/paths.ts";

const file = inRoot("README.md");
writeFileSync(file, withFreshTables(readFileSync(file, "utf8")));
