/** Longer names are nobody's slip of the pen, in characters. */
const MAX_LENGTH = 40;

/**
 * What was probably meant by a name that is not known.
 *
 * @param candidates known names, each with what is suggested for it
 * @returns null when none is near
 * @example nearestName("storge", new Map([["storage", "storage"]])) // "storage"
 */
export function nearestName(name: string, candidates: ReadonlyMap<string, string>): string | null {
  if (name.length > MAX_LENGTH) return null;
  const asked = fold(name);
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const [candidate, suggestion] of candidates) {
    const distance = distanceOf(asked, fold(candidate));
    if (distance >= least) continue;
    [nearest, least] = [suggestion, distance];
  }
  return nearest;
}

/** Case and separators are not what reports names apart. */
const fold = (name: string): string => name.toLowerCase().replaceAll(/[_\-\s]/g, "");

/** Infinite for names that are not near. */
function distanceOf(asked: string, known: string): number {
  const limit = Math.floor(Math.min(asked.length, known.length) / 3);
  const edits = asked === known ? 0 : limit === 0 ? Number.POSITIVE_INFINITY : editsBetween(asked, known);
  if (edits <= Math.min(limit, 3)) return edits;
  // `resolution` for `max_resolution`
  const [short, long] = asked.length < known.length ? [asked, known] : [known, asked];
  return short.length >= 4 && long.includes(short)
    ? 4 + long.length - short.length
    : Number.POSITIVE_INFINITY;
}

/** Insertions, deletions and replacements that make one name the other. */
function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j++) {
      const replaced = (row[j] ?? 0) + (letter === other[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
