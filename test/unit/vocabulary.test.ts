import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openApiDocument } from "../../schema/openapi.ts";
import { inRepository, trackedFiles } from "../support/repository.ts";
import { ERRORS_BY_OTHER_NAMES, FORMER_WORDS, type FormerWord } from "../support/vocabulary.ts";

/** Everything that people read, except what is written once and never changes (migrations, the lock file). */
const files = trackedFiles().filter(
  (file) =>
    /\.(tsx?|mjs|py|md|toml|ya?ml|sh)$|(^|\/)Dockerfile$/.test(file) &&
    !/^schema\/db\/migrations\/|\/vocabulary(\.test)?\.ts$|^CHANGELOG\.md$/.test(file),
);

/** @example "worker/app.ts:12 says "notice" (write: webhook event): // a notice is due" */
function findings(name: string, text: string, { word, say, except }: FormerWord): string[] {
  if (except?.test(name)) return [];
  return text.split("\n").flatMap((line, at) => {
    const found = word.exec(line)?.[0];
    return found === undefined
      ? []
      : [`${name}:${at + 1} says "${found}" (write: ${say}): ${line.trim().slice(0, 100)}`];
  });
}

const texts = files.map((file): [string, string] => [file, readFileSync(inRepository(file), "utf8")]);

describe("words that the vocabulary forbids", () => {
  it.each(FORMER_WORDS.map((former): [string, FormerWord] => [former.say, former]))(
    "have given way to: %s",
    (_, former) => {
      const named = files.flatMap((file) => findings(file, file, former));
      expect([...named, ...texts.flatMap(([file, text]) => findings(file, text, former))]).toEqual([]);
    },
  );

  it("are not in the OpenAPI document", () => {
    const document = JSON.stringify(openApiDocument("https://api.example", "1.0.0"), null, 1);
    expect(FORMER_WORDS.flatMap((former) => findings("openapi.json", document, former))).toEqual([]);
  });
});

it("error classes have names that end in Error", () => {
  const classes = texts.flatMap(([file, text]) =>
    [...text.matchAll(/\bclass (\w+)(?:<[^>]*>)? extends (\w*Error|\w*Fault)\b/g)].map(([, name = ""]) => ({
      file,
      name,
    })),
  );
  expect(classes.length).toBeGreaterThan(10);
  expect(classes.filter(({ name }) => !name.endsWith("Error") && !ERRORS_BY_OTHER_NAMES.has(name))).toEqual(
    [],
  );
});
