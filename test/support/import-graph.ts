import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { inRepository, trackedFiles } from "./repository.ts";

/** A file's import: a path in the repository, or a package's name. Type imports count like others. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

const IMPORT =
  /^\s*(?:import|export)\s[^;"']*?from\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\b(?:import|require)\(\s*["']([^"']+)["']\s*\)/gm;

/** Every source file of the project. */
export const sources: readonly string[] = trackedFiles().filter((file) =>
  /^(schema|worker|processor|bin|test)\/.*\.(tsx?|mjs)$/.test(file),
);

export const textOf = (file: string): string => readFileSync(inRepository(file), "utf8");

export function importsOf(from: string): Import[] {
  return [...textOf(from).matchAll(IMPORT)].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? "";
    return { from, to: name.startsWith(".") ? join(dirname(from), name) : name };
  });
}

/**
 * Groups of files that import each other in a cycle, through any number of others (Tarjan).
 *
 * @example circlesOf([{ from: "a", to: "b" }, { from: "b", to: "a" }]) // [["a", "b"]]
 */
export function circlesOf(imports: readonly Import[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to]);
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];

  function visit(file: string): void {
    order.set(file, order.size);
    lowest.set(file, order.size - 1);
    stack.push(file);
    for (const target of targets.get(file) ?? []) {
      if (!order.has(target)) visit(target);
      if (stack.includes(target)) lowest.set(file, Math.min(at(lowest, file), at(lowest, target)));
    }
    if (at(lowest, file) !== at(order, file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1 || targets.get(file)?.includes(file)) circles.push(circle.sort());
  }

  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return circles;
}

const at = (numbers: ReadonlyMap<string, number>, file: string): number => numbers.get(file) ?? 0;
