import { createDecipheriv, type Decipheriv } from "node:crypto";
import { Fault, SourceFault } from "../fault.ts";
import { attributesOf } from "./attribute-list.ts";

/** Encryption of whole segments: AES-128 in CBC mode. */

export const AES_128 = "AES-128";
const KEY_BYTES = 16;
/** Enough to say of a wrong key how long it is. */
const MAX_KEY_ANSWER_BYTES = 4 * KEY_BYTES;

/** What a playlist says of the segments that follow. */
export interface KeyTag {
  readonly method: string;
  /** As it stands in the playlist. */
  readonly uri: string;
  /** Null: each segment's own number. */
  readonly iv: Buffer | null;
}

/** How one resource is encrypted. */
export interface ResourceKey {
  /** Absolute. */
  readonly url: string;
  readonly iv: Buffer;
}

/**
 * Reads an `EXT-X-KEY`; null where nothing is encrypted from there on.
 *
 * @throws Fault `drm` for keys that only a licensed player gets, `network` for a vector that is none
 */
export function readKeyTag(line: string): KeyTag | null {
  const declared = new Map(attributesOf(line).map(({ name, value }) => [name, value]));
  const method = declared.get("METHOD") ?? "";
  if (method === "NONE") return null;
  const uri = declared.get("URI") ?? "";
  const format = declared.get("KEYFORMAT") ?? "identity";
  if (format !== "identity" || uri.startsWith("skd:"))
    throw new SourceFault("drm", "a key for licensed players");
  return { method, uri, iv: readVector(declared.get("IV")) };
}

/** Up to 128 bits, as a number in hexadecimal digits. */
const VECTOR = /^(?:0x)?([0-9a-f]{1,32})$/i;

function readVector(text: string | undefined): Buffer | null {
  if (text === undefined) return null;
  const digits = VECTOR.exec(text)?.[1];
  if (digits === undefined)
    throw new SourceFault("network", "the playlist has an unreadable IV", { transient: false });
  return Buffer.from(digits.padStart(2 * KEY_BYTES, "0"), "hex");
}

/** Without a vector of its own, a segment has its number. */
export function vectorOf(sequence: number): Buffer {
  const iv = Buffer.alloc(KEY_BYTES);
  iv.writeBigUInt64BE(BigInt(sequence), 8);
  return iv;
}

/** The keys of a presentation, each fetched once. */
export class KeyRing {
  readonly #ask: (url: string, maxBytes: number) => Promise<readonly Buffer[]>;
  readonly #keys = new Map<string, Promise<Buffer>>();

  /** @param ask fetches the bytes of a key; throws Fault `limit_exceeded` for more than `maxBytes` */
  constructor(ask: (url: string, maxBytes: number) => Promise<readonly Buffer[]>) {
    this.#ask = ask;
  }

  /** @throws Fault `drm` for a key that is none; whatever fetching it throws */
  async decipher({ iv, url }: ResourceKey): Promise<Decipheriv> {
    let key = this.#keys.get(url);
    if (!key) {
      key = this.#read(url);
      this.#keys.set(url, key);
      // one that could not be fetched is asked for again
      key.catch(() => this.#keys.delete(url));
    }
    return createDecipheriv("aes-128-cbc", await key, iv);
  }

  async #read(url: string): Promise<Buffer> {
    const chunks = await this.#ask(url, MAX_KEY_ANSWER_BYTES).catch((error: unknown) => {
      const isTooLong = error instanceof Fault && error.code === "limit_exceeded";
      throw isTooLong ? new SourceFault("drm", `a key of more than ${MAX_KEY_ANSWER_BYTES} bytes`) : error;
    });
    const key = Buffer.concat(chunks);
    if (key.length !== KEY_BYTES) throw new SourceFault("drm", `a key of ${key.length} bytes`);
    return key;
  }
}

/** Decrypts a stream of batches. @throws Fault `truncated` where it does not end as it must */
export async function* decrypted(
  batches: AsyncIterable<readonly Buffer[]> | Iterable<readonly Buffer[]>,
  decipher: Decipheriv,
): AsyncGenerator<Buffer[]> {
  for await (const batch of batches) yield batch.map((chunk) => decipher.update(chunk));
  try {
    yield [decipher.final()];
  } catch (error) {
    throw new SourceFault("truncated", "a segment cannot be decrypted", { cause: error });
  }
}
