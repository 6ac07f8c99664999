import type { Actor } from "../services/accounts/audit.ts";
import type { Account } from "../services/accounts/key-cache.ts";
import type { AppContext } from "./route.ts";

/** Who is acting: the caller, by the id of the key, or the operator. */
export function actorOf(c: AppContext): Actor {
  const account: Account | undefined = c.get("account");
  return { name: account ? (account.keyId ?? account.id) : "operator", requestId: c.get("requestId") };
}
