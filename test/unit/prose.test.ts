import { describe, expect, it } from "vitest";
import writeGood from "write-good";
import { openApiDocument } from "../../schema/openapi.ts";
import { PAGES, readPage } from "../support/readme.ts";

/** What write-good finds and technical English needs; whole words or phrases. */
const ALLOWED = new Set(
  [
    ...["it is", "it was", "there is", "there are", "so", "implement", "is responsible for", "all of"],
    // numbers that are meant literally
    ...["many", "few", "several", "tiny"],
    // what the fair queue does
    "fairly",
  ].map((word) => word.toLowerCase()),
);

/** This project's list: words that say nothing, judge the reader, or have a plainer form. */
const OURS: readonly (readonly [RegExp, string])[] = [
  [/\b(simply|obviously|of course|basically|actually|just)\b/i, "leave it out"],
  [/\b(utili[sz]es?|leverages?)\b/i, "use"],
  [/\bin order to\b/i, "to"],
  [/\b(e\.g\.|i\.e\.|etc\.)/i, "for example; that is; and so on"],
  [/\band\/or\b/i, "or"],
  [/\b(please|very|really|quite)\b/i, "leave it out"],
  [/\bclick here\b/i, "name the target"],
  [/\b(whilst|amongst|upon)\b/i, "while, among, on"],
  [/\bmake sure\b/i, "check"],
  [/\b(blacklist|whitelist)\b/i, "blocklist, allowlist"],
  [/\b(could of|would of|informations|allows to|permits to)\b/i, "correct English"],
  [/\b(the same way as like|such as for example)\b/i, "one of both"],
];

/** Longest sentence, in words. */
const MAX_WORDS = 60;

/** Prose without code, tables, comments and addresses of links. */
const proseOf = (markdown: string): string =>
  markdown
    .replaceAll(/```[\s\S]*?```/g, "\n")
    .replaceAll(/<!--.*?-->/gs, "")
    .replaceAll(/`[^`\n]*`/g, "CODE")
    .replaceAll(/\]\([^)]*\)/g, "]")
    .replaceAll(/^(\||<|#).*$/gm, "");

function findings(text: string): string[] {
  const found = writeGood(text, { passive: false, adverb: false })
    .filter(({ index, offset }) => {
      const words = text
        .slice(index, index + offset)
        .replaceAll(/\s+/g, " ")
        .trim();
      return !ALLOWED.has(words.toLowerCase()) && !words.includes("CODE");
    })
    .map(({ reason, index }) => `${reason}: … ${text.slice(Math.max(0, index - 40), index + 40).trim()}`);
  const ours = OURS.flatMap(([word, say]) => {
    const at = text.search(word);
    return at < 0 ? [] : [`${text.slice(at, at + 40)} (write: ${say})`];
  });
  return [...found, ...ours];
}

const tooLong = (text: string): string[] =>
  text
    .split(/(?<=[.!?:;])\s|\n\s*\n|\n\s*[-\d]/)
    .filter((sentence) => sentence.trim().split(/\s+/).length > MAX_WORDS)
    .map((sentence) => sentence.trim().slice(0, 80));

describe("the prose", () => {
  it.each([...PAGES, "CONTRIBUTING.md", "SECURITY.md"])("of %s is plain English", (page) => {
    const prose = proseOf(readPage(page));
    expect([...findings(prose), ...tooLong(prose)]).toEqual([]);
  });

  it("of the API's reference is plain English", () => {
    const texts = new Set<string>();
    JSON.stringify(openApiDocument("https://api.example", "1.0.0"), (name, value) => {
      if ((name === "description" || name === "summary") && typeof value === "string") texts.add(value);
      return value;
    });
    expect(texts.size).toBeGreaterThan(200);
    const prose = [...texts].map(proseOf);
    expect(prose.flatMap((text) => [...findings(text), ...tooLong(text)])).toEqual([]);
  });
});
