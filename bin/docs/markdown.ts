import { posix } from "node:path";
import { Marked, type Tokens } from "marked";
import { escapeHtml } from "./escape-html.ts";
import { highlight } from "./highlight.ts";

/** A part of a page under one heading, for navigation and search. */
export interface PagePart {
  readonly level: number;
  readonly title: string;
  readonly anchor: string;
  readonly text: string;
}

export interface RenderedPage {
  readonly title: string;
  readonly html: string;
  readonly parts: readonly PagePart[];
}

/** Where links lead. */
export interface LinkTargets {
  /** Path of the page itself below the repository. @example "docs/jobs.md" */
  readonly file: string;
  /** Files of the repository that have a page, with its path. */
  readonly pages: ReadonlyMap<string, string>;
}

/**
 * A page of Markdown as HTML. Links to other pages lead to their paths; links to files that have no page become plain
 * text, since a server has no copy of the repository.
 */
export function renderMarkdown(markdown: string, { file, pages }: LinkTargets): RenderedPage {
  const parts: { level: number; title: string; anchor: string; text: string }[] = [];
  const taken = new Map<string, number>();
  let tables = 0;
  const marked = new Marked({
    renderer: {
      heading({ depth, tokens, text }: Tokens.Heading) {
        const title = plainText(text);
        const anchor = uniqueAnchor(title, taken);
        parts.push({ level: depth, title, anchor, text: "" });
        const inner = this.parser.parseInline(tokens);
        if (depth === 1) return `<h1>${inner}</h1>\n`;
        return `<h${depth} id="${anchor}"><a class="anchor" href="#${anchor}" aria-label="Link to ${escapeHtml(title)}"></a>${inner}</h${depth}>\n`;
      },
      code({ text, lang = "" }: Tokens.Code) {
        return codeBlock(text, lang);
      },
      link({ href, tokens }: Tokens.Link) {
        const inner = this.parser.parseInline(tokens);
        const target = targetOf(href, file, pages);
        return target === null ? inner : `<a href="${escapeHtml(target)}">${inner}</a>`;
      },
      table(token: Tokens.Table) {
        const row = (cells: readonly Tokens.TableCell[], tag: "th" | "td") =>
          cells.map(({ tokens }) => `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`).join("");
        const rows = token.rows.map((cells) => `<tr>${row(cells, "td")}</tr>`).join("\n");
        tables += 1;
        return `<div class="table" tabindex="0" role="region" aria-label="Table ${tables}"><table><thead><tr>${row(token.header, "th")}</tr></thead><tbody>${rows}</tbody></table></div>\n`;
      },
      html({ text }: Tokens.HTML | Tokens.Tag) {
        return text.startsWith("<!--") ? "" : text;
      },
    },
  });
  const tokens = marked.lexer(markdown);
  const html = marked.parser(tokens);
  fillTexts(tokens, parts);
  return { title: parts[0]?.title ?? file, html, parts };
}

/** The text of each part, for search. */
function fillTexts(tokens: readonly { type: string; raw: string }[], parts: { text: string }[]): void {
  let at = -1;
  for (const { type, raw } of tokens) {
    if (type === "heading") at += 1;
    else if (parts[at]) (parts[at] as { text: string }).text += ` ${plainText(raw)}`;
  }
}

/** A block of code that can be scrolled with the keyboard. */
export const codeBlock = (source: string, language: string): string =>
  `<pre tabindex="0"><code class="language-${escapeHtml(language || "text")}">${highlight(source, language)}</code></pre>\n`;

const plainText = (markdown: string): string =>
  markdown
    // regexp-ok: reads our own pages while they are built
    .replaceAll(/<!--.*?-->/gs, "")
    // regexp-ok: reads our own pages while they are built
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[`*|#>]|^-{3,}|```\w*/gm, " ")
    .replaceAll(/\s+/g, " ")
    .trim();

/** The anchor that GitHub gives a heading. @example anchorOf("How a job lives") // "how-a-job-lives" */
export const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");

function uniqueAnchor(title: string, taken: Map<string, number>): string {
  const anchor = anchorOf(title);
  const count = taken.get(anchor) ?? 0;
  taken.set(anchor, count + 1);
  return count === 0 ? anchor : `${anchor}-${count}`;
}

function targetOf(href: string, file: string, pages: ReadonlyMap<string, string>): string | null {
  if (/^(https?:|mailto:|#|\/)/.test(href)) return href;
  const [path = "", anchor] = href.split("#");
  const page = pages.get(posix.normalize(posix.join(posix.dirname(file), path)));
  if (page === undefined) return null;
  return anchor === undefined ? page : `${page}#${anchor}`;
}
