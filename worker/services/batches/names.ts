import { MAX_FILENAME_LENGTH } from "../../../schema/api/job-request.ts";
import type { Adjustment } from "../../../schema/media.ts";
import { shownUrl } from "../../../schema/shown-url.ts";
import { defaultFilename } from "../../../schema/storage/object-key.ts";

/** What the name of one file of a batch depends on. */
export interface Nameable {
  readonly url: string;
  /** The caller's choice. */
  readonly filename: string | null;
  readonly title: string | null;
  readonly sourceId: string | null;
  /** The file name in the URL is meaningless, as in a podcast's enclosure. */
  readonly isFetchedElsewhere: boolean;
}

/** A name (null if the run derives it) and the adjustment to the requested one. */
export interface Named {
  readonly filename: string | null;
  readonly adjustments: readonly Adjustment[];
}

const REASON = "Another file of this batch has this name";

/** Treats names as equal that people or file systems take for the same. */
export const nameKey = (name: string): string => name.normalize("NFC").toLowerCase();

/**
 * The names of a batch's files, so that no two of them overwrite each other: the first keeps its name, later ones are
 * numbered.
 *
 * @example new FileNames().add([{ filename: "a", … }, { filename: "A", … }]) // "a", "A (2)"
 */
export class FileNames {
  readonly #taken = new Set<string>();
  /** Addresses of files that the run names. */
  readonly #derived = new Set<string>();
  /** The next number that may be free, by name. */
  readonly #free = new Map<string, number>();

  /** Takes the name of a file that was stored before. */
  take({ filename, url }: Pick<Nameable, "filename" | "url">): void {
    if (filename === null) this.#derived.add(url);
    else this.#taken.add(nameKey(filename));
  }

  /** Names further files; a numbered name is not one that a later of them asks for. */
  add(entries: readonly Nameable[]): Named[] {
    const wanted = entries.map((entry) => entry.filename ?? nameOf(entry));
    const wantedKeys = new Set(wanted.flatMap((name) => (name === null ? [] : [nameKey(name)])));
    return entries.map((entry, index): Named => {
      const name = wanted[index] ?? null;
      const [names, key] = name === null ? [this.#derived, entry.url] : [this.#taken, nameKey(name)];
      if (!names.has(key)) {
        names.add(key);
        return { filename: name, adjustments: [] };
      }
      const base = name ?? defaultFilename(shownUrl(entry.url).replace(/^https?:\/\//, ""), "");
      const to = this.#numbered(base, wantedKeys);
      this.#taken.add(nameKey(to));
      return { filename: to, adjustments: [{ field: "filename", from: name, to, reason: REASON }] };
    });
  }

  #numbered(base: string, wanted: ReadonlySet<string>): string {
    for (let number = this.#free.get(nameKey(base)) ?? 2; ; number++) {
      const name = withNumber(base, number);
      if (this.#taken.has(nameKey(name)) || wanted.has(nameKey(name))) continue;
      this.#free.set(nameKey(base), number + 1);
      return name;
    }
  }
}

/** The name that the run would give the file; null if only the run can know it. */
function nameOf({ title, sourceId, isFetchedElsewhere }: Nameable): string | null {
  if (title !== null && sourceId !== null) return defaultFilename(title, sourceId);
  return isFetchedElsewhere ? defaultFilename(title ?? "", sourceId ?? "") : null;
}

/** A name that differs from others by its number. @example withNumber("talk", 2) // "talk (2)" */
export function withNumber(name: string, number: number): string {
  const suffix = ` (${number})`;
  let base = "";
  for (const character of name) {
    if (base.length + character.length + suffix.length > MAX_FILENAME_LENGTH) break;
    base += character;
  }
  return base + suffix;
}

/** A valid rename. */
export interface Rename {
  readonly id: string;
  readonly filename: string;
}

/**
 * Finds the renames that would give two files the same name. The names after all renames count, so names may be
 * swapped. If several files want a name, one that already has it keeps it, else the first request gets it.
 *
 * @param names of all files of the batch, by job; null if the run derives it
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
    // a refused job keeps its name, which another rename may have claimed
  } while (refused.size > before);
  return refused;
}
