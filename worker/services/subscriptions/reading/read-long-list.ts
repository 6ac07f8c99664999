import type { RequestContext } from "../../../context.ts";
import type { ListPart, RecognisedList } from "../../sources/listing/listing.ts";
import type { SourceEntry } from "../source-entry.ts";
import { entryOf } from "./listed-entry.ts";

/** Most entries of a list that is followed. */
export const MAX_FOLLOWED = 25_000;
/** Entries that are kept together. */
const PART = 1_000;
/** Kept entries that are read again, so that a list that became shorter in front of them loses none. */
const OVERLAP = 200;
/** Entries that are read in the time of one listing; more of them take longer. */
const ENTRIES_PER_LISTING = 5_000;

/** What an unfinished reading of a list kept, so that the next one reads on. */
export interface KeptReading {
  /** Entries at the beginning of the list that were read. */
  readonly position: number;
  readonly entries: readonly SourceEntry[];
}

/** Where a reading keeps what it has. */
export interface ReadingKeeper {
  /** What the last reading kept, if it did not reach the end. */
  readonly kept: KeptReading | null;
  /** Keeps further entries. */
  add(entries: readonly SourceEntry[], position: number): Promise<void>;
  /** The list was rearranged: it is read from its beginning. */
  clear(): Promise<void>;
}

/** A list that was read: to its end, or as far as the time allowed. */
export interface LongReading {
  readonly title: string | null;
  readonly entries: readonly SourceEntry[];
  readonly isWhole: boolean;
}

/** All who follow a source share its readings, so no cookies of an account are used. */
const NOBODY = { accountId: "", cookies: "never" } as const;

/** The list has more entries than may be followed. */
export class TooManyToFollowError extends Error {
  override readonly name = "TooManyToFollowError";
}

/**
 * Reads a list part by part and keeps each, so that a reading that is interrupted is taken up again.
 *
 * @param keeper null: nothing is kept, and the list is read to its end or not at all
 * @returns what was read; not whole if it broke off after new entries were kept
 * @throws TooManyToFollowError; and what `readList` throws if nothing new was kept
 */
export async function readLongList(
  context: RequestContext,
  recognised: RecognisedList,
  keeper: ReadingKeeper | null,
): Promise<LongReading> {
  const first = await pass(context, recognised, keeper, keeper?.kept ?? null);
  return first ?? (await restart(context, recognised, keeper));
}

async function restart(
  context: RequestContext,
  recognised: RecognisedList,
  keeper: ReadingKeeper | null,
): Promise<LongReading> {
  await keeper?.clear();
  const read = await pass(context, recognised, keeper, null);
  if (!read) throw new Error("a list without kept entries was found to be rearranged");
  return read;
}

/** @returns null if the kept entries are no longer where they were */
async function pass(
  context: RequestContext,
  recognised: RecognisedList,
  keeper: ReadingKeeper | null,
  kept: KeptReading | null,
): Promise<LongReading | null> {
  const position = kept?.position ?? 0;
  const entries = [...(kept?.entries ?? [])];
  const known = new Set(entries.map(({ key }) => key));
  let title: string | null = null;
  let isProgress = false;
  let isFirst = true;
  try {
    for await (const part of partsOf(context, recognised, position)) {
      title = part.title;
      const read = await Promise.all(part.entries.map((entry) => entryOf(entry, title)));
      const [anchor] = read;
      if (isFirst && part.start > 0 && !(anchor && known.has(anchor.key))) return null;
      isFirst = false;
      const fresh = read.filter(({ key }) => !known.has(key));
      for (const entry of fresh) known.add(entry.key);
      entries.push(...fresh);
      if (part.isLast) return { title, entries, isWhole: true };
      await keeper?.add(fresh, part.start + part.entries.length);
      isProgress ||= fresh.length > 0;
    }
  } catch (error) {
    if (!isProgress || !keeper) throw error;
    return { title, entries, isWhole: false };
  }
  throw new TooManyToFollowError();
}

function partsOf(
  context: RequestContext,
  recognised: RecognisedList,
  position: number,
): AsyncGenerator<ListPart> {
  const skip = Math.max(0, position - OVERLAP);
  const timeoutMs = context.config.listingMs * (1 + Math.floor(position / ENTRIES_PER_LISTING));
  return context.readList(context, recognised, NOBODY, { skip, until: MAX_FOLLOWED, size: PART, timeoutMs });
}
