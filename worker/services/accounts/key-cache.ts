import type { AddressRange } from "../../../schema/address-range.ts";
import type { Scope as KeyScope, Limits, SOURCES } from "../../../schema/api/account.ts";
import { setNewest } from "../../../schema/set-newest.ts";

/** The caller as services see it. */
export interface Account {
  readonly id: string;
  /** The id of the key that was sent; null for callers of a gateway. */
  readonly keyId: string | null;
  /** What the key may do; null is everything. */
  readonly scopes: readonly KeyScope[] | null;
  /** Where the key may be used; null is everywhere. */
  readonly allowedIps: readonly AddressRange[] | null;
  /** Epoch milliseconds; null is never. */
  readonly expiresAt: number | null;
  readonly source: (typeof SOURCES)[number];
  readonly limits: Limits;
}

/** How long a revoked key, or one whose expiry was brought forward, may keep working, in milliseconds. */
export const KNOWN_MS = 60_000;
/** How long a new key may be refused if it was looked up before it was created. */
const UNKNOWN_MS = 5_000;
/** Maximum number of entries. */
const MAX_ENTRIES = 2_000;

/** Caches the accounts of keys for a short time, by the key's hash. */
export class KeyCache {
  readonly #entries = new Map<string, { account: Account | null; until: number }>();

  /** Undefined without an entry; null if the key is cached as unknown. */
  get(sha256: string, now: number): Account | null | undefined {
    const entry = this.#entries.get(sha256);
    return entry && now < entry.until ? entry.account : undefined;
  }

  set(sha256: string, account: Account | null, now: number): void {
    const until = now + (account ? KNOWN_MS : UNKNOWN_MS);
    const entry = { account, until: Math.min(until, account?.expiresAt ?? until) };
    setNewest(this.#entries, sha256, entry, MAX_ENTRIES);
  }
}
