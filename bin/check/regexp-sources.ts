import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { type Node, parse } from "acorn";

/** A regular expression in a file. */
export interface FoundRegExp {
  /** Line number, from 1. */
  readonly line: number;
  /** Null for one that is built at run time. */
  readonly literal: { readonly pattern: string; readonly flags: string } | null;
  /** The stated reason why it is allowed; null without one. */
  readonly reason: string | null;
}

const MARK = "regexp-ok:";

/** The regular expressions of a file of TypeScript or JavaScript. */
export function regExpsIn(path: string): FoundRegExp[] {
  const source = readFileSync(path, "utf8");
  const lines = source.split("\n");
  // types become spaces, so that positions stay the same
  const code = path.endsWith(".ts") ? stripTypeScriptTypes(source, { mode: "strip" }) : source;
  const tree = parse(code, {
    ecmaVersion: "latest",
    sourceType: "module",
    locations: true,
    allowHashBang: true,
  });
  const found: FoundRegExp[] = [];
  visit(tree, (node) => {
    const literal = literalOf(node);
    if (literal === undefined) return;
    const line = node.loc?.start.line ?? 0;
    found.push({ line, literal, reason: reasonAt(lines, line) });
  });
  return found;
}

/** Undefined for a node that creates no regular expression. */
function literalOf(node: Node): FoundRegExp["literal"] | undefined {
  if (node.type === "Literal" && "regex" in node) {
    return node.regex as { pattern: string; flags: string };
  }
  if (node.type !== "NewExpression" && node.type !== "CallExpression") return undefined;
  const { callee } = node as Node & { readonly callee: Node & { readonly name?: string } };
  return callee.name === "RegExp" ? null : undefined;
}

/** The reason is at the end of the line, or in the comment before it. */
function reasonAt(lines: readonly string[], line: number): string | null {
  let first = line - 1;
  while (lines[first - 1]?.trimStart().startsWith("//")) first--;
  const place = lines.slice(first, line).find((text) => text.includes(MARK));
  return place === undefined ? null : place.slice(place.indexOf(MARK) + MARK.length).trim();
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, see);
  else if (typeof value === "object" && value !== null) {
    if ("type" in value && "start" in value) see(value as Node);
    for (const child of Object.values(value)) visit(child, see);
  }
}
