import type { writeWithAudit } from "../../db/audit-rows.ts";

export type Change = Parameters<typeof writeWithAudit>[1][number];

/** A kind of secret in the tables. */
export interface ResealKind {
  /** The next of this kind that the newest key has not sealed in the newest form, each with what seals it. */
  readonly find: (limit: number) => Promise<readonly StaleSecret[]>;
}

/** A secret that must be sealed again. */
export interface StaleSecret {
  /** Its row, for the log. */
  readonly owner: string;
  /** Replaces it by a newly sealed one; does nothing if it was changed meanwhile. @throws UnsealError */
  readonly renew: () => Promise<readonly Change[]>;
}
