import { fromBase64, toBase64Url, utf8 } from "../lib/bytes.ts";

/** A key of `SEALING_KEYS`. */
export interface SealingKey {
  /** Stands in clear in every value that was sealed with the key. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What is stored: the id of its key, and the sealed text with all that opening needs. */
export interface Sealed {
  readonly key_id: string;
  readonly sealed: string;
}

/** A value that none of the keys opens, or that was sealed for something else. */
export class SealBroken extends Error {
  override readonly name = "SealBroken";
}

const NONCE_BYTES = 12;
const VERSION = "v1";

/**
 * Seals texts with AES-256-GCM: the newest key seals, every known key opens. What a value belongs to, a job's or an
 * account's id, is sealed in: a value that was moved to another row does not open.
 *
 * @example (await sealer.seal(text, jobId)).sealed // "v1.2026a.8yTq….Zk3b…"
 */
export class Sealer {
  readonly #keys: ReadonlyMap<string, Promise<CryptoKey>>;
  readonly #random: (length: number) => Uint8Array;
  /** The key that seals. */
  readonly newestId: string;

  /** @param keys at least one, the newest first */
  constructor(keys: readonly SealingKey[], random: (length: number) => Uint8Array) {
    const [newest] = keys;
    if (!newest) throw new Error("sealing needs a key");
    this.newestId = newest.id;
    this.#keys = new Map(keys.map(({ id, bytes }) => [id, importKey(bytes)]));
    this.#random = random;
  }

  /** How every text begins that the newest key sealed. */
  get newestPrefix(): string {
    return `${VERSION}.${this.newestId}.`;
  }

  /** @param owner the id of the job or account that the text belongs to */
  async seal(text: string, owner: string): Promise<Sealed> {
    const nonce = new Uint8Array(this.#random(NONCE_BYTES));
    const key = await this.#key(this.newestId);
    const box = await crypto.subtle.encrypt(algorithm(nonce, owner), key, utf8(text));
    const sealed = [VERSION, this.newestId, toBase64Url(nonce), toBase64Url(box)].join(".");
    return { key_id: this.newestId, sealed };
  }

  /** @throws SealBroken */
  async open(sealed: string, owner: string): Promise<string> {
    const [version, keyId = "", nonceText = "", boxText = ""] = sealed.split(".");
    const [nonce, box] = [fromBase64(nonceText), fromBase64(boxText)];
    if (version !== VERSION || !nonce || !box) throw new SealBroken("not a sealed value");
    const key = await this.#key(keyId);
    try {
      return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm(nonce, owner), key, box));
    } catch {
      throw new SealBroken("the sealed value was changed or belongs to something else");
    }
  }

  #key(id: string): Promise<CryptoKey> {
    const key = this.#keys.get(id);
    if (!key) throw new SealBroken(`the sealing key ${id} is not configured`);
    return key;
  }
}

const importKey = (bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);

const algorithm = (nonce: Uint8Array<ArrayBuffer>, owner: string): SubtleCryptoEncryptAlgorithm => ({
  name: "AES-GCM",
  iv: nonce,
  additionalData: utf8(owner),
});
