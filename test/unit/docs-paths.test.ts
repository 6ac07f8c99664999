import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { inRepository, trackedFiles } from "../support/repository.ts";

const tracked = new Set(trackedFiles());
const folders = new Set(
  [...tracked].flatMap((file) => {
    const parts = file.split("/").slice(0, -1);
    return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
  }),
);
const pages = [...tracked].filter((file) => /^(docs\/.*|[A-Z]+)\.md$/.test(file) && file !== "CHANGELOG.md");

/** What looks like a path of this repository. @example "worker/db/", "schema/{a,b}.ts" is none */
const PATH =
  /^(?:(?:schema|worker|processor|bin|test|docs|examples|\.github)\/[\w./-]*|[\w.-]+\.(?:toml|json))$/;

/** @example "see `worker/db/` and `npm test -- test/unit`" // ["worker/db/", "test/unit"] */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/`([^`\n]+)`/g)]
    .flatMap(([, code = ""]) => code.split(/\s+/))
    .filter((word) => PATH.test(word) && word.includes("/"));

const exists = (path: string): boolean => {
  const plain = path.replace(/\/$/, "");
  return tracked.has(plain) || folders.has(plain);
};

it("finds paths at all", () => {
  const found = pages.flatMap((page) => pathsIn(readFileSync(inRepository(page), "utf8")));
  expect(new Set(found).size).toBeGreaterThan(60);
});

it.each(pages)("the paths that %s names exist", (page) => {
  const paths = pathsIn(readFileSync(inRepository(page), "utf8"));
  expect(paths.filter((path) => !exists(path))).toEqual([]);
});

it.each(pages)("the pages that %s links to exist", (page) => {
  const text = readFileSync(inRepository(page), "utf8");
  const folder = page.includes("/") ? page.slice(0, page.lastIndexOf("/") + 1) : "";
  const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, link = ""]) => link);
  const targets = links.map((link) => new URL(link, `file:///${folder}`).pathname.slice(1));
  expect(targets.filter((target) => !exists(target))).toEqual([]);
});
