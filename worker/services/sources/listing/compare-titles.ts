/**
 * A title in the form for comparison: lower case, without accents, punctuation and the name of its show, and without
 * the number that some feeds put in front ("#12 -", "Ep. 12:", "S2E3 |").
 *
 * @example normaliseTitle("Ep. 12: Ångström & Co.!", "A Show") // "angstrom and co"
 */
export function normaliseTitle(title: string, showName = ""): string {
  const compared = title.slice(0, MAX_COMPARED);
  const plain = plainText(compared.replace(NUMBER_IN_FRONT, ""));
  const show = plainText(showName.slice(0, MAX_COMPARED));
  const rest = show !== "" && plain.startsWith(`${show} `) ? plain.slice(show.length + 1) : plain;
  return rest || plainText(compared);
}

/** Only this many characters of a title are compared, so that the work is bounded. */
const MAX_COMPARED = 500;

const NUMBER_IN_FRONT =
  /^\s{0,20}(?:s(?:eason)?\s{0,20}(?<season>\d{1,9})\s{0,20}[,:.-]?\s{0,20})?(?:(?:episode|ep|e|folge|episodio|no|nr|#)\s{0,20}\.?\s{0,20})?#?(?<number>\d{1,9})\s{0,20}[-:.|–—)]{1,20}\s{0,20}/iu;

/** The parts of a title that distinguish episodes. */
export interface ComparableTitle {
  /** Without the number in front; see {@link normaliseTitle}. */
  readonly core: string;
  /** The number in front; null if there is none. */
  readonly number: number | null;
  readonly season: number | null;
  /** It contains a number anywhere. */
  readonly isNumbered: boolean;
}

/** @example comparableTitle("S2E12: The Sea") // { core: "the sea", number: 12, season: 2, isNumbered: true } */
export function comparableTitle(title: string, showName = ""): ComparableTitle {
  const show = showName.slice(0, MAX_COMPARED).trim().toLowerCase();
  const own = title.slice(0, MAX_COMPARED).trim();
  const behind = show !== "" && own.toLowerCase().startsWith(show) ? own.slice(show.length) : own;
  // the number may also follow the show's name
  const groups = (NUMBER_IN_FRONT.exec(own) ?? NUMBER_IN_FRONT.exec(behind.replace(/^[\s\-:.|–—]+/u, "")))
    ?.groups;
  const core = normaliseTitle(
    groups && behind !== own ? behind.replace(/^[\s\-:.|–—]+/u, "") : own,
    showName,
  );
  const numberOf = (text: string | undefined) => (text === undefined ? null : Number(text));
  const [number, season] = [numberOf(groups?.number), numberOf(groups?.season)];
  return { core, number, season, isNumbered: number !== null || /\p{N}/u.test(core) };
}

const plainText = (text: string): string =>
  text
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .replaceAll("&", " and ")
    .replaceAll(/['’]/g, "")
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

/**
 * How alike two normalised titles are, 0 to 1: the share of pairs of letters that both have (Dice). Titles whose
 * numbers contradict each other ("part 1", "part 2") are not alike at all.
 */
export function likeness(a: string, b: string): number {
  if (a === b) return a === "" ? 0 : 1;
  if (contradict(numbersOf(a), numbersOf(b))) return 0;
  const [pairs, others] = [pairsOf(a), pairsOf(b)];
  let common = 0;
  for (const [pair, count] of pairs) common += Math.min(count, others.get(pair) ?? 0);
  const total = sizeOf(pairs) + sizeOf(others);
  return total === 0 ? 0 : (2 * common) / total;
}

const numbersOf = (text: string): Set<string> => new Set(text.match(/\p{N}+/gu));
const contradict = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  [...a].some((number) => !b.has(number)) && [...b].some((number) => !a.has(number));

function pairsOf(text: string): Map<string, number> {
  const letters = text.replaceAll(" ", "");
  const pairs = new Map<string, number>();
  for (let i = 0; i + 1 < letters.length; i++) {
    const pair = letters.slice(i, i + 2);
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  }
  return pairs;
}

const sizeOf = (pairs: ReadonlyMap<string, number>): number =>
  [...pairs.values()].reduce((sum, count) => sum + count, 0);
