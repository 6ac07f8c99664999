import { keyOfListed } from "../../sources/listing/entry-key.ts";
import type { ListedEntry, ListPart } from "../../sources/listing/listing.ts";

/** Hexadecimal digits that are stored of a key, 80 bits: two of the entries of a list are never alike by chance. */
const DIGITS = 20;

/** An entry of a list, its position there, and its identity. */
export interface KeyedEntry {
  readonly entry: ListedEntry;
  readonly key: string;
}

/** Which entries of a list have a job, as a text that is stored. */
export class KnownEntries {
  readonly #keys: Set<string>;

  /** @param text see {@link KnownEntries.text} */
  constructor(text = "") {
    this.#keys = new Set();
    for (let at = 0; at < text.length; at += DIGITS) this.#keys.add(text.slice(at, at + DIGITS));
  }

  /** A text of 20 characters for each entry. */
  get text(): string {
    return [...this.#keys].join("");
  }

  has({ key }: KeyedEntry): boolean {
    return this.#keys.has(key);
  }

  /** Takes entries. @returns those that are new */
  add(keyed: readonly KeyedEntry[]): ListedEntry[] {
    return keyed.flatMap(({ entry, key }) => {
      if (this.#keys.has(key)) return [];
      this.#keys.add(key);
      return [entry];
    });
  }
}

/** The entries of a part with their identities. */
export const keyed = ({ entries, start }: Pick<ListPart, "entries" | "start">): Promise<KeyedEntry[]> =>
  Promise.all(
    entries.map(async (entry, index) => ({
      entry,
      // entries that the source does not even name are told apart by their positions
      key: isNameless(entry)
        ? `position ${start + index}`.padEnd(DIGITS)
        : (await keyOfListed(entry)).slice(0, DIGITS),
    })),
  );

const isNameless = ({ skipped, sourceId, mediaUrl }: ListedEntry): boolean =>
  skipped !== null && sourceId === null && mediaUrl === null;
