import { sha256Hex } from "../../../../schema/bytes.ts";
import { youtubeId } from "../../../lib/youtube-address.ts";
import type { ListedEntry } from "./listing.ts";

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

/** The identity of an entry of a list, see {@link keyOf}. */
export const keyOfListed = ({ url, mediaUrl, sourceId, facts }: ListedEntry): Promise<string> =>
  keyOf({
    site: facts?.site ?? null,
    // a feed's file has no id of its own but a tag of its address
    id: mediaUrl === null ? sourceId : null,
    guid: null,
    address: mediaUrl ?? url,
  });
