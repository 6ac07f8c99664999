import type { writeWithAudit } from "../../db/audit-rows.ts";

export type Change = Parameters<typeof writeWithAudit>[1][number];

/** A kind of secret in the tables. */
export interface ResealKind {
  /**
   * The next secrets of this kind that are not yet sealed by the newest key in the newest form, each with its seal
   * context.
   */
  readonly find: (limit: number) => Promise<readonly StaleSecret[]>;
}

/** A secret that must be sealed again. */
export interface StaleSecret {
  /** Its row, for the log. */
  readonly owner: string;
  /** Replaces the secret by a newly sealed one. Does nothing if it was changed in the meantime. @throws UnsealError */
  readonly renew: () => Promise<readonly Change[]>;
}
