/** `npm run check`: no regular expression of the project may take more than linear time without a stated reason. */
import { execFileSync } from "node:child_process";
import { regExpsIn } from "./check/regexp-sources.ts";
import { slowParts } from "./check/regexp-time.ts";

const FILES = ["schema", "worker", "processor", "bin"].flatMap((folder) => [
  `${folder}/*.ts`,
  `${folder}/*.mjs`,
]);

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...FILES], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && !file.endsWith(".d.ts"));

const complaints: string[] = [];
let count = 0;
for (const file of files) {
  const judged = regExpsIn(file).map(({ line, literal, reason }) => ({
    ...{ line, reason },
    found: literal ? slowParts(literal.pattern, literal.flags) : ["it is built at run time"],
  }));
  count += judged.length;
  const slowLines = new Set(judged.filter(({ found }) => found.length > 0).map(({ line }) => line));
  for (const { line, reason, found } of judged) {
    if (found.length > 0 && !reason) complaints.push(`${file}:${line} ${found.join("; ")}`);
    // a regular expression on the same line may need the reason
    if (reason !== null && !slowLines.has(line))
      complaints.push(`${file}:${line} needs no reason (regexp-ok)`);
  }
}
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) {
  console.error(
    "Rewrite it so that each character is looked at once (see schema/text.ts), bound its quantifiers,",
  );
  console.error(
    "or say in a comment before it why no long text from outside reaches it: // regexp-ok: <why>",
  );
}
console.log(`${count} regular expressions, ${complaints.length} that may be slow`);
process.exitCode = complaints.length === 0 && count > 0 ? 0 : 1;
