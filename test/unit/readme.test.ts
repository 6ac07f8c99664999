import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { API_ADVICE, JOB_ADVICE } from "../../bin/readme/advice.ts";
import { TABLE_NAMES, tablesOf, withFreshTables } from "../../bin/readme/tables.ts";
import { MAX_BODY_BYTES } from "../../schema/api/endpoint.ts";
import { MAX_URL_LENGTH } from "../../schema/api/job-request.ts";
import { API_ERROR_CODES, JOB_ERROR_CODES } from "../../schema/errors.ts";
import { MAX_FAILURES, MAX_INTERRUPTIONS, STATUSES } from "../../schema/states.ts";
import {
  PAGES,
  readPage,
  SESSIONS,
  STAND_INS,
  STANDALONE,
  sessionOf,
  shellBlocks,
} from "../support/readme.ts";
import { inRepository } from "../support/repository.ts";

const contributing = readFileSync(inRepository("CONTRIBUTING.md"), "utf8");

describe("the pages", () => {
  it.each(PAGES)("%s shows the tables that the code generates (npm run readme writes them)", (page) => {
    expect(withFreshTables(readPage(page))).toBe(readPage(page));
  });

  it("show every generated table once", () => {
    expect(PAGES.flatMap((page) => tablesOf(readPage(page))).sort()).toEqual([...TABLE_NAMES].sort());
  });

  it("contain no shell command that is not run", () => {
    const blocks = PAGES.flatMap((page) => shellBlocks(page).map((block) => ({ page, ...block })));
    const replaced = blocks.filter(({ name }) => name !== null);
    for (const page of PAGES) {
      const names = replaced.filter((block) => block.page === page).map(({ name }) => name);
      expect([page, names]).toEqual([page, STAND_INS[page] ?? []]);
    }
    const unmarked = blocks.filter(({ reason, name }) => reason === null && name === null);
    const standalone = unmarked.filter(({ commands }) => commands in STANDALONE);
    const named = new Set(standalone.map(({ commands }) => commands));
    expect([...named].sort()).toEqual(Object.keys(STANDALONE).sort());
    expect(standalone.length + SESSIONS.flatMap(sessionOf).length).toBe(unmarked.length);
    expect(readFileSync(inRepository(".ci", "run"), "utf8")).toContain("\nnpm test");
  });

  it("use only the local stack in the commands that are run", () => {
    const urls = SESSIONS.flatMap(sessionOf).flatMap(
      (commands) => commands.match(/https?:\/\/[^/\s"']+/g) ?? [],
    );
    expect(new Set(urls)).toEqual(new Set(["http://127.0.0.1:8787", "https://example.com"]));
  });

  it("state the actual limits", () => {
    const configuration = readPage("docs/configuration.md");
    expect(configuration).toContain(`| URL | ${MAX_URL_LENGTH.toLocaleString("en")} characters`);
    expect(configuration).toContain(`| request body | ${MAX_BODY_BYTES / 1024} KiB |`);
    expect(configuration).toContain(
      `${MAX_INTERRUPTIONS} lost runs, ${MAX_FAILURES} failures of the service`,
    );
  });

  it("explain every status of a job, and what to do about every error", () => {
    const jobs = readPage("docs/jobs.md");
    expect(STATUSES.filter((status) => !jobs.includes(`| \`${status}\` |`))).toEqual([]);
    expect(API_ERROR_CODES.filter((code) => !API_ADVICE[code])).toEqual([]);
    expect(JOB_ERROR_CODES.filter((code) => !JOB_ADVICE[code])).toEqual([]);
    const rows = readPage("docs/troubleshooting.md");
    const codes = [...API_ERROR_CODES, ...JOB_ERROR_CODES];
    expect(
      codes.filter((code) => !new RegExp(`^\\| \`${code}\` \\|.+\\| \\S.* \\|$`, "m").test(rows)),
    ).toEqual([]);
  });

  it("README.md has 150 to 200 lines", () => {
    const lines = readPage("README.md").trimEnd().split("\n").length;
    expect(lines).toBeGreaterThanOrEqual(150);
    expect(lines).toBeLessThanOrEqual(200);
  });
});

describe.each([
  ...PAGES.map((page): [string, string] => [page, readPage(page)]),
  ["CONTRIBUTING.md", contributing],
])("%s", (page, text) => {
  it("names npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(inRepository("package.json"), "utf8"));
    const named = [...text.matchAll(/npm run ([a-z-]+)/g)].map((match) => match[1] ?? "");
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it("names files that exist", () => {
    const folder = page.startsWith("docs/") ? "docs" : "";
    const linked = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => `${folder}/${match[1]}`);
    const quoted = [...text.matchAll(/`((?:schema|worker|processor|bin|test)\/[\w./-]+)`/g)].map(
      (match) => match[1] ?? "",
    );
    expect([...linked, ...quoted].filter((path) => !existsSync(inRepository(path)))).toEqual([]);
  });
});
