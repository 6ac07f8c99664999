import type { writeWithAudit } from "../../db/audit-rows.ts";

export type Change = Parameters<typeof writeWithAudit>[1][number];

/** A kind of secret that tables hold. */
export interface ResealKind {
  /** The next of this kind that the newest key has not sealed in the newest form, each with what seals it. */
  readonly find: (limit: number) => Promise<readonly StaleSecret[]>;
}

/** A secret that is to be sealed anew. */
export interface StaleSecret {
  /** The row that it stands in; for the log. */
  readonly owner: string;
  /** What puts it sealed in the place of the one that was read; nothing happens where that one is gone. @throws UnsealError */
  readonly renew: () => Promise<readonly Change[]>;
}
