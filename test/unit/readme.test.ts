import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TABLE_NAMES, tablesOf, withFreshTables } from "../../bin/readme/tables.ts";
import { MAX_BODY_BYTES } from "../../schema/api/endpoint.ts";
import { MAX_URL_LENGTH } from "../../schema/api/job-request.ts";
import { MAX_FAILURES, MAX_INTERRUPTIONS, STATUSES } from "../../schema/states.ts";
import { readmeBlocks, readmeSession, readReadme, STANDALONE } from "../support/readme.ts";
import { inRepository } from "../support/repository.ts";

const readme = readReadme();
const contributing = readFileSync(inRepository("CONTRIBUTING.md"), "utf8");

describe("the README", () => {
  it("shows the tables that the code gives (npm run readme writes them)", () => {
    expect(withFreshTables(readme)).toBe(readme);
  });

  it("and the pages show every table between them, as the code gives it", () => {
    const pages = readdirSync(inRepository("docs")).filter((name) => name.endsWith(".md"));
    const texts = [readme, ...pages.map((name) => readFileSync(inRepository("docs", name), "utf8"))];
    for (const text of texts) expect(withFreshTables(text)).toBe(text);
    expect(new Set(texts.flatMap(tablesOf))).toEqual(new Set(TABLE_NAMES));
  });

  it("holds no shell command that nothing runs", () => {
    const unmarked = readmeBlocks().filter(({ reason }) => reason === null);
    const standalone = unmarked.filter(({ commands }) => commands in STANDALONE);
    expect(standalone.map(({ commands }) => commands).sort()).toEqual(Object.keys(STANDALONE).sort());
    expect(standalone.length + readmeSession().length).toBe(unmarked.length);
    expect(readFileSync(inRepository(".ci", "run"), "utf8")).toContain("\nnpm test");
  });

  it("talks to the local stack alone in the commands that are run", () => {
    const urls = readmeSession().flatMap((commands) => commands.match(/https?:\/\/[^/\s"']+/g) ?? []);
    expect(new Set(urls)).toEqual(new Set(["http://127.0.0.1:8787", "https://example.com"]));
  });

  it("names the limits that hold", () => {
    expect(readme).toContain(`| URL | ${MAX_URL_LENGTH.toLocaleString("en")} characters`);
    expect(readme).toContain(`| request body | ${MAX_BODY_BYTES / 1024} KiB |`);
    expect(readme).toContain(`${MAX_INTERRUPTIONS} lost runs, ${MAX_FAILURES} failures of the service`);
  });

  it("explains every status of a job", () => {
    expect(STATUSES.filter((status) => !readme.includes(`| \`${status}\` |`))).toEqual([]);
  });
});

describe.each([
  ["README.md", readme],
  ["CONTRIBUTING.md", contributing],
])("%s", (_, text) => {
  it("names npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(inRepository("package.json"), "utf8"));
    const named = [...text.matchAll(/npm run ([a-z-]+)/g)].map((match) => match[1] ?? "");
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it("names files that exist", () => {
    const linked = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? "");
    const quoted = [...text.matchAll(/`((?:schema|worker|processor|bin|test)\/[\w./-]+)`/g)].map(
      (match) => match[1] ?? "",
    );
    expect([...linked, ...quoted].filter((path) => !existsSync(inRepository(path)))).toEqual([]);
  });
});
