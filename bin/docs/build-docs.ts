import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LOCAL_URL, SERVER_MARK } from "../../worker/console/docs-page.ts";
import { inRoot } from "../stack/paths.ts";
import { pageHtml, pagePath } from "./layout.ts";
import { llmsText } from "./llms.ts";
import { type PagePart, renderMarkdown } from "./markdown.ts";
import { type PageEntry, SECTIONS } from "./navigation.ts";
import { renderReference } from "./reference.ts";

/** An entry of the search index. */
interface Found {
  readonly page: string;
  readonly title: string;
  readonly href: string;
  readonly text: string;
}

/** Characters of a part that are searched. */
const SEARCHED = 6_000;

const sourceOf = (name: string): string => inRoot("docs", `${name}.md`);

/**
 * Renders the guides below `docs/` and the reference to HTML, with an index for search and `llms.txt`.
 *
 * @param folder receives the pages
 */
export function buildDocs(folder: string, version: string): void {
  const sections = SECTIONS.map(({ title, pages }) => ({
    title,
    pages: pages.filter(({ name }) => existsSync(sourceOf(name))),
  }));
  const pages = sections.flatMap((section) => section.pages);
  const decisions = pages.some(({ name }) => name === "decisions/README") ? decisionPages() : [];
  const all = [...pages, ...decisions];
  const targets = new Map(all.map(({ name }) => [`docs/${name}.md`, pagePath(name)]));
  targets.set("README.md", "/docs");
  const write = (path: string, text: string) => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };

  const index: Found[] = [];
  for (const page of all) {
    const markdown = readFileSync(sourceOf(page.name), "utf8");
    const rendered = renderMarkdown(markdown, { file: `docs/${page.name}.md`, pages: targets });
    const path = pagePath(page.name);
    const html = page.local ? rendered.html : inCode(rendered.html);
    write(
      `${path.slice("/docs/".length)}.html`,
      pageHtml({ ...rendered, about: page.about, path, html }, sections),
    );
    write(`${path.slice("/docs/".length)}.md`, markdown);
    index.push(...entriesOf(rendered.title, path, rendered.parts));
  }

  const reference = renderReference(SERVER_MARK, version);
  const referencePage = {
    ...{ title: "API reference", about: "Every operation with examples", path: "/docs/reference" },
    ...{ html: reference.html, parts: reference.parts, wide: true },
  };
  write("reference.html", pageHtml(referencePage, sections));
  index.push(...entriesOf("API reference", "/docs/reference", reference.parts));

  const home = renderMarkdown(homeMarkdown(sections), { file: "docs/home.md", pages: targets });
  write(
    "home.html",
    pageHtml({ ...home, parts: [], about: "Guides and reference", path: "/docs" }, sections),
  );
  cpSync(inRoot("docs", "images"), join(folder, "images"), { recursive: true });
  write("search.json", JSON.stringify(index));
  write("llms.txt", llmsText(sections));
  write("llms-full.txt", all.map(({ name }) => readFileSync(sourceOf(name), "utf8")).join("\n\n---\n\n"));
}

/** Commands of a page call the server that shows it. */
const inCode = (html: string): string =>
  // regexp-ok: reads our own pages while they are built
  html.replaceAll(/<pre.*?<\/pre>/gs, (block) => block.replaceAll(LOCAL_URL, SERVER_MARK));

/** The records that the page of decisions links to. */
function decisionPages(): PageEntry[] {
  const readme = readFileSync(sourceOf("decisions/README"), "utf8");
  const names = [...readme.matchAll(/\]\(([\w-]+)\.md\)/g)].map(([, name = ""]) => name);
  return names.map((name) => ({ name: `decisions/${name}`, label: name, about: "A decision, and why." }));
}

const entriesOf = (page: string, path: string, parts: readonly PagePart[]): Found[] =>
  parts.map(({ level, title, anchor, text }) => ({
    page,
    title,
    href: level === 1 ? path : `${path}#${anchor}`,
    text: text.slice(0, SEARCHED),
  }));

function homeMarkdown(sections: typeof SECTIONS): string {
  const groups = sections.map(({ title, pages }) =>
    [`## ${title}`, "", ...pages.map(({ name, label, about }) => `- [${label}](${name}.md) – ${about}`)].join(
      "\n",
    ),
  );
  const start =
    "Send the URL of a video, an audio file, a playlist or a live stream. Waterspout delivers the file to your storage.";
  return `# Documentation\n\n${start}\n\nNew here? The [quick start](quick-start.md) takes five minutes. The [API reference](/docs/reference) has every operation, with programs that you can copy.\n\n${groups.join("\n\n")}\n`;
}
