import { fromBase64, toBase64Url, toHex, utf8 } from "../../../schema/bytes.ts";

/** A key of `SEALING_KEYS`. */
export interface SealingKey {
  /** Stored in clear with every value that the key sealed. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A stored value: the id of its key, and the sealed text with everything that is needed to open it. */
export interface Sealed {
  readonly key_id: string;
  readonly sealed: string;
}

/** No known key opens the value, or it was sealed for another purpose. */
export class UnsealError extends Error {
  override readonly name = "UnsealError";
}

/** The purpose of a sealed value: one column, or several columns with copies of the value. */
export type SealPurpose =
  | "account.cookies"
  | "account.slack_url"
  | "account.storage"
  | "account.webhook_secret"
  | "batch.listing"
  | "batch.show_url"
  | "exit.url"
  | "feed.entry"
  | "feed.lease"
  | "feed.url"
  | "job.links"
  | "job.storage"
  | "job.urls"
  | "subscription"
  | "webhook.url";

/** Owner and purpose of a value. Both are authenticated, so a value that was copied to another row does not open. */
export interface SealedFor {
  /** Id of the job or account, or name of the exit, that the value belongs to; for cookies, with the name of their site. */
  readonly owner: string;
  readonly purpose: SealPurpose;
}

const NONCE_BYTES = 12;
const VERSION = "v2";
/** Bound to its owner only. Supported until `POST /admin/reseal` has replaced it by the newer form. */
const FORMER_VERSION = "v1";

/**
 * Seals texts with AES-256-GCM: the newest key seals, every known key opens.
 *
 * @example (await sealer.seal(text, { owner: jobId, purpose: "job.storage" })).sealed // "v2.2026a.8yTq….Zk3b…"
 */
export class Sealer {
  readonly #keys: ReadonlyMap<string, Promise<CryptoKey>>;
  readonly #tagKeys: ReadonlyMap<string, () => Promise<CryptoKey>>;
  readonly #random: (length: number) => Uint8Array;
  /** Id of the key that seals. */
  readonly newestId: string;

  /** @param keys at least one, newest first */
  constructor(keys: readonly SealingKey[], random: (length: number) => Uint8Array) {
    const [newest] = keys;
    if (!newest) throw new Error("sealing needs a key");
    this.newestId = newest.id;
    this.#keys = new Map(keys.map(({ id, bytes }) => [id, importKey(bytes)]));
    this.#tagKeys = new Map(keys.map(({ id, bytes }) => [id, once(() => deriveTagKey(bytes))]));
    this.#random = random;
  }

  /** The prefix of every text that the newest key sealed. */
  get newestPrefix(): string {
    return `${VERSION}.${this.newestId}.`;
  }

  async seal(text: string, context: SealedFor): Promise<Sealed> {
    const nonce = new Uint8Array(this.#random(NONCE_BYTES));
    const key = await this.#key(this.newestId);
    const box = await crypto.subtle.encrypt(algorithm(nonce, boundTo(context)), key, utf8(text));
    const sealed = [VERSION, this.newestId, toBase64Url(nonce), toBase64Url(box)].join(".");
    return { key_id: this.newestId, sealed };
  }

  /** @throws UnsealError */
  async open(sealed: string, context: SealedFor): Promise<string> {
    const [version, keyId = "", nonceText = "", boxText = ""] = sealed.split(".");
    const [nonce, box] = [fromBase64(nonceText), fromBase64(boxText)];
    const isKnown = version === VERSION || version === FORMER_VERSION;
    if (!isKnown || !nonce || !box) throw new UnsealError("not a sealed value");
    const bound = version === VERSION ? boundTo(context) : context.owner;
    const key = await this.#key(keyId);
    try {
      return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm(nonce, bound), key, box));
    } catch {
      throw new UnsealError("the sealed value was changed or belongs to something else");
    }
  }

  /**
   * A keyed tag that only shows whether two texts are the same: without the key, guesses cannot be checked.
   *
   * @example await sealer.tag("https://hooks.example/a") // "2026a.9f86d081…", 64 hex digits after the key's id
   */
  async tag(text: string, keyId = this.newestId): Promise<string> {
    const key = this.#tagKeys.get(keyId);
    if (!key) throw new UnsealError(`the sealing key ${keyId} is not configured`);
    const signature = await crypto.subtle.sign("HMAC", await key(), utf8(text));
    return `${keyId}.${toHex(new Uint8Array(signature))}`;
  }

  /** True for a tag of this text by any of the keys; false if that key is gone. */
  async isTagOf(tag: string, text: string): Promise<boolean> {
    const [keyId = ""] = tag.split(".");
    return this.#tagKeys.has(keyId) && (await this.tag(text, keyId)) === tag;
  }

  #key(id: string): Promise<CryptoKey> {
    const key = this.#keys.get(id);
    if (!key) throw new UnsealError(`the sealing key ${id} is not configured`);
    return key;
  }
}

const importKey = (bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);

/** A separate key for tags, because no key may be used with two algorithms. */
async function deriveTagKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8("tag") };
  return crypto.subtle.deriveKey(derivation, secret, { name: "HMAC", hash: "SHA-256", length: 256 }, false, [
    "sign",
  ]);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const boundTo = ({ owner, purpose }: SealedFor): string => JSON.stringify([purpose, owner]);

const algorithm = (nonce: Uint8Array<ArrayBuffer>, bound: string): SubtleCryptoEncryptAlgorithm => ({
  name: "AES-GCM",
  iv: nonce,
  additionalData: utf8(bound),
});
