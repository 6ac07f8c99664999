import { DriveRefusedError } from "./drive-refusal.ts";

/** A search of Drive, as far as the double understands its language. */
export interface DriveQuery {
  readonly parents: readonly string[];
  readonly name?: string;
  readonly mimeType?: string;
}

const TEXT = String.raw`'((?:[^'\\]|\\['\\])*)'`;
const PARENTS = new RegExp(`^\\((${TEXT} in parents(?: or ${TEXT} in parents)*)\\)`);
const AND = {
  name: new RegExp(`^ and name = ${TEXT}`),
  mimeType: new RegExp(`^ and mimeType = ${TEXT}`),
};
const END = " and trashed = false";

const unescaped = (text: string): string => text.replace(/\\(['\\])/g, "$1");

/** @throws DriveRefusedError for anything that it does not understand, as Drive does */
export function parseQuery(text: string): DriveQuery {
  const invalid = () => new DriveRefusedError(400, "invalid", "Invalid Value");
  const parents = PARENTS.exec(text);
  if (!parents?.[1]) throw invalid();
  let rest = text.slice(parents[0].length);
  const given: { name?: string; mimeType?: string } = {};
  for (const member of ["name", "mimeType"] as const) {
    const found = AND[member].exec(rest);
    if (!found) continue;
    given[member] = unescaped(found[1] ?? "");
    rest = rest.slice(found[0].length);
  }
  if (rest !== END) throw invalid();
  const ids = [...parents[1].matchAll(new RegExp(`${TEXT} in parents`, "g"))].map((match) => match[1] ?? "");
  return { parents: ids.map(unescaped), ...given };
}
