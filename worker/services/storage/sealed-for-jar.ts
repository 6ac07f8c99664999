import type { JarRow } from "../../db/cookies/jar-rows.ts";
import type { SealedFor } from "./seal.ts";

/** Binds a jar to its owner and its site, so that a row which was copied or renamed does not open. */
export const sealedForJar = ({ owner, site }: Pick<JarRow, "owner" | "site">): SealedFor => ({
  owner: `${owner} ${site}`,
  purpose: "account.cookies",
});
