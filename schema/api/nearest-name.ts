/** Names that are longer than this are not compared, in characters. */
const MAX_LENGTH = 40;

/**
 * The known name that was probably meant by an unknown one.
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

/** Ignores case and separators. */
const fold = (name: string): string => name.toLowerCase().replaceAll(/[_\-\s]/g, "");

/** Infinite for names that are not similar. */
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

/** Number of insertions, deletions, replacements and swaps of neighbours that turn one name into the other. */
function editsBetween(one: string, other: string): number {
  const never = Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 0; i < one.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j++) {
      const replaced = (row[j] ?? never) + (one[i] === other[j] ? 0 : 1);
      const isSwap = j > 0 && one[i] === other[j - 1] && one[i - 1] === other[j];
      const swapped = isSwap ? (before[j - 1] ?? never) + 1 : never;
      next.push(Math.min(replaced, swapped, (row[j + 1] ?? never) + 1, (next[j] ?? never) + 1));
    }
    [before, row] = [row, next];
  }
  return row.at(-1) ?? never;
}
