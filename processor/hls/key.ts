import { createDecipheriv, type Decipheriv } from "node:crypto";
import { Fault, SourceFault } from "../fault.ts";
import { attributesOf } from "./attribute-list.ts";

/** Encryption of whole segments: AES-128 in CBC mode. */

export const AES_128 = "AES-128";
const KEY_BYTES = 16;
/** Enough to report the length of a wrong key. */
const MAX_KEY_ANSWER_BYTES = 4 * KEY_BYTES;

/** How the segments that follow are encrypted. */
export interface KeyTag {
  /** @example "AES-128" */
  readonly method: string;
  /** As the playlist states it. */
  readonly uri: string;
  /** Null: the segment's number is the vector. */
  readonly iv: Buffer | null;
  /** Who can use the key; null: anyone. @example "com.widevine" */
  readonly licensedFor: string | null;
}

/** How one resource is encrypted. */
export interface ResourceKey {
  /** Absolute; http, https, or `data:`. */
  readonly url: string;
  readonly iv: Buffer;
}

/** How the samples of a segment are encrypted. */
export interface SampleKey extends ResourceKey {
  readonly method: string;
}

/**
 * Reads an `EXT-X-KEY`; null if the segments that follow are not encrypted.
 *
 * @throws Fault `network` for an invalid vector
 */
export function readKeyTag(line: string): KeyTag | null {
  const declared = new Map(attributesOf(line).map(({ name, value }) => [name.toUpperCase(), value]));
  const method = (declared.get("METHOD") ?? "").trim().toUpperCase();
  if (method === "NONE") return null;
  const uri = (declared.get("URI") ?? "").trim();
  const format = declared.get("KEYFORMAT")?.trim().toLowerCase() || "identity";
  const isLicensed = format !== "identity" || /^skd:/i.test(uri);
  if (isLicensed) return { method, uri, iv: null, licensedFor: format };
  return { method, uri, iv: readVector(declared.get("IV")?.trim()), licensedFor: null };
}

/**
 * The keys in effect at one place of a playlist, one per format: a player takes one that it can use. A key stays in effect
 * until the next one of its format, or until encryption ends.
 */
export class KeyState {
  readonly #resolve: (uri: string) => string;
  /** By the players that can use them. */
  readonly #keys = new Map<string | null, KeyTag>();

  /** @param resolve makes an address absolute */
  constructor(resolve: (uri: string) => string) {
    this.#resolve = resolve;
  }

  /** Applies an `EXT-X-KEY`. @throws as {@link readKeyTag}, and as `resolve` */
  read(line: string): void {
    const key = readKeyTag(line);
    if (!key) {
      this.#keys.clear();
      return;
    }
    const uri = key.licensedFor === null ? this.#resolve(key.uri) : key.uri;
    this.#keys.set(key.licensedFor, { ...key, uri });
  }

  /** @throws Fault `drm` if only licensed players get a key */
  forSegment(sequence: number): { readonly key: ResourceKey | null; readonly sampleKey: SampleKey | null } {
    const tag = this.#usable();
    if (!tag) return { key: null, sampleKey: null };
    const key = { url: tag.uri, iv: tag.iv ?? vectorOf(sequence) };
    return tag.method === AES_128
      ? { key, sampleKey: null }
      : { key: null, sampleKey: { ...key, method: tag.method } };
  }

  /** The key of an initialisation. It has no number, so it is only encrypted if the tag has a vector. */
  forMap(): ResourceKey | null {
    const tag = this.#usable();
    return tag?.method === AES_128 && tag.iv ? { url: tag.uri, iv: tag.iv } : null;
  }

  /** @throws Fault `drm` if only licensed players get a key */
  requireUsable(): void {
    this.#usable();
  }

  #usable(): KeyTag | null {
    const tag = this.#keys.get(null) ?? null;
    if (!tag && this.#keys.size > 0) throw new SourceFault("drm", "a key for licensed players");
    return tag;
  }
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

/** The vector of a segment whose key has none: the segment's number. */
export function vectorOf(sequence: number): Buffer {
  const iv = Buffer.alloc(KEY_BYTES);
  iv.writeBigUInt64BE(BigInt(sequence), 8);
  return iv;
}

/**
 * The bytes of a `data:` URI; null for any other address.
 *
 * @throws Fault `network` for a malformed one
 * @example inlineBytes("data:text/plain;base64,YQ==") // <Buffer 61>
 */
export function inlineBytes(url: string): Buffer | null {
  if (!url.startsWith("data:")) return null;
  const comma = url.indexOf(",");
  if (comma < 0)
    throw new SourceFault("network", "the playlist has an unreadable data: address", { transient: false });
  const [head, body] = [url.slice("data:".length, comma), url.slice(comma + 1)];
  try {
    if (/;\s*base64$/i.test(head)) return Buffer.from(decodeURIComponent(body), "base64");
    return percentDecoded(body);
  } catch {
    throw new SourceFault("network", "the playlist has an unreadable data: address", { transient: false });
  }
}

/** The bytes need not be text: `%ff` is valid. */
function percentDecoded(text: string): Buffer {
  const binary = text.replace(/%([\da-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(binary, "latin1");
}

/** The keys of a presentation, each fetched once. */
export class KeyRing {
  readonly #ask: (url: string, maxBytes: number) => Promise<readonly Buffer[]>;
  readonly #keys = new Map<string, Promise<Buffer>>();

  /** @param ask fetches the bytes of a key; throws Fault `limit_exceeded` for more than `maxBytes` */
  constructor(ask: (url: string, maxBytes: number) => Promise<readonly Buffer[]>) {
    this.#ask = ask;
  }

  /** @throws Fault `drm` for a key of the wrong length; whatever fetching it throws */
  async decipher({ iv, url }: ResourceKey): Promise<Decipheriv> {
    let key = this.#keys.get(url);
    if (!key) {
      key = this.#read(url);
      this.#keys.set(url, key);
      // a key that could not be fetched is requested again
      key.catch(() => this.#keys.delete(url));
    }
    return createDecipheriv("aes-128-cbc", await key, iv);
  }

  async #read(url: string): Promise<Buffer> {
    const inline = inlineBytes(url);
    const asked = inline ? Promise.resolve([inline]) : this.#ask(url, MAX_KEY_ANSWER_BYTES);
    const chunks = await asked.catch((error: unknown) => {
      const isTooLong = error instanceof Fault && error.code === "limit_exceeded";
      throw isTooLong ? new SourceFault("drm", `a key of more than ${MAX_KEY_ANSWER_BYTES} bytes`) : error;
    });
    const key = Buffer.concat(chunks);
    if (key.length !== KEY_BYTES) throw new SourceFault("drm", `a key of ${key.length} bytes`);
    return key;
  }
}

const BLOCK_BYTES = 16;

/**
 * Decrypts a stream of batches. Some packagers omit the required padding at the end, so last bytes that are not valid
 * padding are kept as media.
 *
 * @throws Fault `truncated` if the last block is incomplete
 */
export async function* decrypted(
  batches: AsyncIterable<readonly Buffer[]> | Iterable<readonly Buffer[]>,
  decipher: Decipheriv,
): AsyncGenerator<Buffer[]> {
  decipher.setAutoPadding(false);
  /** The last block so far, which may end in padding. */
  let held: Buffer = Buffer.alloc(0);
  for await (const batch of batches) {
    const clear = batch.map((chunk) => decipher.update(chunk)).filter(({ length }) => length > 0);
    if (clear.length === 0) continue;
    const last = Buffer.concat([held, clear.pop() as Buffer]);
    const whole = clear.length === 0 ? [] : [held, ...clear];
    const tail = clear.length === 0 ? last : last.subarray(held.length);
    held = Buffer.from(tail.subarray(-BLOCK_BYTES));
    yield [...whole, tail.subarray(0, -BLOCK_BYTES)];
  }
  try {
    decipher.final();
  } catch (error) {
    throw new SourceFault("truncated", "a segment cannot be decrypted", { cause: error });
  }
  yield [held.subarray(0, held.length - paddingOf(held))];
}

/** Number of padding bytes at the end of a block: 1 to 16, which is also the value of each of them; 0 for none. */
function paddingOf(block: Buffer): number {
  const count = block.at(-1) ?? 0;
  const isPadding =
    count >= 1 && count <= block.length && block.subarray(-count).every((byte) => byte === count);
  return isPadding ? count : 0;
}
