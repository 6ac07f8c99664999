import { sha256Hex } from "../../../schema/bytes.ts";
import { youtubeId } from "../../lib/youtube-address.ts";

/** Why an entry cannot be delivered yet, as its source lists it; null: it can. */
export type EntryState = "upcoming" | "live" | "private" | null;

/** An entry as a source lists it. What the source does not state is null. */
export interface SourceEntry {
  /** Identity, see {@link keyOf}. */
  readonly key: string;
  readonly url: string;
  /** What is fetched for it, if the source describes it better than its media does. */
  readonly mediaUrl: string | null;
  readonly sourceId: string | null;
  readonly title: string | null;
  readonly description: string | null;
  readonly channel: string | null;
  /** Epoch milliseconds. */
  readonly publishedAt: number | null;
  /** Seconds. */
  readonly duration: number | null;
  readonly live: "upcoming" | "live" | "was_live" | null;
  readonly isShort: boolean | null;
  readonly state: EntryState;
}

/** What identifies an entry, the best first. */
interface Identity {
  readonly site: string | null;
  /** The id at that site. */
  readonly id: string | null;
  /** The feed's own id of the item. */
  readonly guid: string | null;
  /** The address of the media, or of the item's page. */
  readonly address: string;
}

/** Hexadecimal digits of a key: 128 bits. */
const KEY_LENGTH = 32;

/**
 * The identity of an entry: its site and id, else the feed's guid, else its address. Title, date and server may change.
 *
 * @example await keyOf({ site: "Youtube", id: "aqz-KE-bpKQ", guid: null, address: "https://…" })
 */
export async function keyOf({ site, id, guid, address }: Identity): Promise<string> {
  const url = URL.parse(address);
  const youtube = url && youtubeId(url);
  const identity =
    site !== null && id !== null
      ? `site ${site.toLowerCase()} ${id}`
      : youtube !== null
        ? `site youtube ${youtube}`
        : guid !== null
          ? `guid ${guid}`
          : `address ${address}`;
  return (await sha256Hex(identity)).slice(0, KEY_LENGTH);
}

/** Whether an address shows that it leads to a vertical short video; null if it shows nothing. */
export const isShortAddress = (address: string): boolean | null =>
  /^https?:\/\/(?:www\.|m\.)?(?:youtube\.com\/shorts\/|tiktok\.com\/@[^/]+\/video\/)/.test(address)
    ? true
    : null;
