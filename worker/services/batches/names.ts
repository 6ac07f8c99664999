import { MAX_FILENAME_LENGTH } from "../../../schema/api/job-request.ts";
import type { Adjustment } from "../../../schema/media.ts";
import { shownUrl } from "../../../schema/shown-url.ts";
import { defaultFilename } from "../../../schema/storage/object-key.ts";

/** What decides about the name of one file of a batch. */
export interface Nameable {
  readonly url: string;
  /** The caller's choice. */
  readonly filename: string | null;
  readonly title: string | null;
  readonly sourceId: string | null;
  /** The URL's own name says nothing, as that of a podcast's enclosure. */
  readonly isFetchedElsewhere: boolean;
}

/** A name, null where the run finds it out, and what was changed of the one that was wanted. */
export interface Named {
  readonly filename: string | null;
  readonly adjustments: readonly Adjustment[];
}

const REASON = "Another file of this batch has this name";

/** Names that people and file systems take for the same one are the same. */
export const nameKey = (name: string): string => name.normalize("NFC").toLowerCase();

/**
 * Names the files of a batch, so that no two of them overwrite each other: the first keeps its name, later ones are
 * numbered.
 *
 * @example nameFiles([{ filename: "a", … }, { filename: "A", … }]) // "a", "A (2)"
 */
export function nameFiles(entries: readonly Nameable[]): Named[] {
  const taken = new Set<string>();
  const wanted = entries.map((entry) => entry.filename ?? nameOf(entry));
  const isFirst = new Set<string>();
  const free = new Map<string, number>();
  const numbered = (base: string): string => {
    for (let number = free.get(nameKey(base)) ?? 2; ; number++) {
      const name = withNumber(base, number);
      if (taken.has(nameKey(name)) || wantedKeys.has(nameKey(name))) continue;
      free.set(nameKey(base), number + 1);
      return name;
    }
  };
  // a number must not take the name that a later entry asks for
  const wantedKeys = new Set(wanted.flatMap((name) => (name === null ? [] : [nameKey(name)])));
  return entries.map((entry, index): Named => {
    const name = wanted[index] ?? null;
    const key = name === null ? `url ${entry.url}` : nameKey(name);
    const first = name === null ? !isFirst.has(key) : !taken.has(key);
    if (first) {
      (name === null ? isFirst : taken).add(key);
      return { filename: name, adjustments: [] };
    }
    const to = numbered(name ?? defaultFilename(shownUrl(entry.url).replace(/^https?:\/\//, ""), ""));
    taken.add(nameKey(to));
    return { filename: to, adjustments: [{ field: "filename", from: name, to, reason: REASON }] };
  });
}

/** As the run would name the file; null where only the run can report. */
function nameOf({ title, sourceId, isFetchedElsewhere }: Nameable): string | null {
  if (title !== null && sourceId !== null) return defaultFilename(title, sourceId);
  return isFetchedElsewhere ? defaultFilename(title ?? "", sourceId ?? "") : null;
}

/** @example withNumber("talk", 2) // "talk (2)" */
function withNumber(name: string, number: number): string {
  const suffix = ` (${number})`;
  let base = "";
  for (const character of name) {
    if (base.length + character.length + suffix.length > MAX_FILENAME_LENGTH) break;
    base += character;
  }
  return base + suffix;
}

/** A rename that is well formed. */
export interface Rename {
  readonly id: string;
  readonly filename: string;
}

/**
 * Finds the renames that would give two files one name. The names of all files after all renames count, so names may be
 * swapped; of several that want one name, a file that keeps its own wins, then the first that asked.
 *
 * @param names of all files of the batch, by job; null where the run finds it out
 * @param renames at most one for each job
 * @returns the renames that are refused
 */
export function collidingRenames(
  names: ReadonlyMap<string, string | null>,
  renames: readonly Rename[],
): ReadonlySet<Rename> {
  const refused = new Set<Rename>();
  let before: number;
  do {
    before = refused.size;
    const standing = renames.filter((rename) => !refused.has(rename));
    const moving = new Set(standing.map(({ id }) => id));
    const taken = new Set<string>();
    for (const [id, name] of names) if (!moving.has(id) && name !== null) taken.add(nameKey(name));
    for (const rename of standing) {
      const key = nameKey(rename.filename);
      if (taken.has(key)) refused.add(rename);
      taken.add(key);
    }
    // a refused job keeps its name, which another one may have been about to take
  } while (refused.size > before);
  return refused;
}
