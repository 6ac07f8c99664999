import type { Limits, SOURCES } from "../../schema/api/account.ts";

/** The caller as services see it. */
export interface Account {
  readonly id: string;
  /** What the caller's requests are counted by: the key's hash, or the caller's name at a gateway. */
  readonly keyId: string;
  readonly source: (typeof SOURCES)[number];
  readonly limits: Limits;
}

/** A revoked key works for no longer than this, in milliseconds. */
const KNOWN_MS = 60_000;
/** A new key is refused for no longer than this, if it was asked for before it was made. */
const UNKNOWN_MS = 5_000;
/** Entries that are remembered at most. */
const MAX_ENTRIES = 2_000;

/** Which account a key opens, remembered for a short time by the key's hash. */
export class KeyCache {
  readonly #entries = new Map<string, { account: Account | null; until: number }>();

  /** Undefined when nothing is remembered; null when the key is remembered as unknown. */
  get(sha256: string, now: number): Account | null | undefined {
    const entry = this.#entries.get(sha256);
    return entry && now < entry.until ? entry.account : undefined;
  }

  set(sha256: string, account: Account | null, now: number): void {
    this.#entries.delete(sha256);
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size >= MAX_ENTRIES) this.#entries.delete(oldest);
    this.#entries.set(sha256, { account, until: now + (account ? KNOWN_MS : UNKNOWN_MS) });
  }
}
