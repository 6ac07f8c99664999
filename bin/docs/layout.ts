import { escapeHtml } from "./escape-html.ts";
import type { PagePart } from "./markdown.ts";
import type { Section } from "./navigation.ts";

export interface PageContent {
  readonly title: string;
  /** For search engines and previews. */
  readonly about: string;
  /** Path of the page. @example "/docs/jobs" */
  readonly path: string;
  readonly html: string;
  readonly parts: readonly PagePart[];
  /** Wider, with examples next to the text. */
  readonly wide?: boolean;
}

/** A whole page around its content: navigation, search, and the list of its headings. It needs no script to be read. */
export function pageHtml(content: PageContent, sections: readonly Section[]): string {
  const { title, about, path, html, parts, wide = false } = content;
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="description" content="${escapeHtml(about)}">
    <meta name="color-scheme" content="light dark">
    <title>${escapeHtml(title)} · Waterspout</title>
    <link rel="icon" href="/ui/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/ui/base.css">
    <link rel="stylesheet" href="/ui/docs.css">
    <script type="module" src="/ui/search.js"></script>
  </head>
  <body>
    <a class="skip" href="#content">Skip to the content</a>
    <header class="docs-bar">
      <a class="brand" href="/"><img src="/ui/icon.svg" alt="" width="28" height="28">Waterspout</a>
      <form class="docs-search" role="search" hidden>
        <label for="search" class="visually-hidden">Search the documentation</label>
        <input id="search" type="search" placeholder="Search" autocomplete="off">
        <div id="found" role="status" aria-live="polite"></div>
      </form>
      <nav aria-label="Main">
        <a href="/docs">Guides</a>
        <a href="/docs/reference">API reference</a>
        <a href="/console">Console</a>
      </nav>
    </header>
    <div class="docs${wide ? " wide" : ""}">
      <nav class="docs-nav" aria-label="Documentation">
        <details open>
          <summary>Contents</summary>
${navigation(sections, path)}
        </details>
      </nav>
      <main id="content" class="docs-main">
${html}
      </main>
      ${wide ? "" : onThisPage(parts)}
    </div>
  </body>
</html>
`;
}

function navigation(sections: readonly Section[], current: string): string {
  const link = (path: string, label: string) =>
    `<li><a href="${path}"${path === current ? ' aria-current="page"' : ""}>${escapeHtml(label)}</a></li>`;
  const groups = sections.map(
    ({ title, pages }) =>
      `<h2>${title}</h2><ul>${pages.map(({ name, label }) => link(pagePath(name), label)).join("")}</ul>`,
  );
  return [...groups, `<h2>API</h2><ul>${link("/docs/reference", "Reference")}</ul>`].join("\n");
}

/** @example pagePath("decisions/README") // "/docs/decisions" */
export const pagePath = (name: string): string => `/docs/${name.replace(/\/README$/, "")}`;

function onThisPage(parts: readonly PagePart[]): string {
  const links = parts
    .filter(({ level }) => level === 2)
    .map(({ anchor, title }) => `<li><a href="#${anchor}">${escapeHtml(title)}</a></li>`);
  if (links.length < 2) return "";
  return `<nav class="docs-toc" aria-label="On this page"><h2>On this page</h2><ul>${links.join("")}</ul></nav>`;
}
