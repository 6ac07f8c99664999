import type { Account } from "../../schema/api/account.ts";
import { nearestName } from "../../schema/api/nearest-name.ts";
import type { Context } from "./command.ts";
import { CommandError } from "./failures/command-error.ts";
import { EXIT } from "./failures/exit-codes.ts";

/**
 * The account with this id or name; without either, the only one there is.
 *
 * @throws CommandError `usage` if no account or several are meant
 */
export async function findAccount(
  wanted: string | undefined,
  { api, signal }: Pick<Context, "api" | "signal">,
): Promise<Account> {
  const meant: Account[] = [];
  const names = new Map<string, string>();
  for await (const account of api.each("listAccounts", { signal })) {
    names.set(account.name, account.name);
    if (wanted === undefined || account.id === wanted || account.name === wanted) meant.push(account);
  }
  const [account] = meant;
  if (account && meant.length === 1) return account;
  if (wanted !== undefined && account === undefined) {
    const near = nearestName(wanted, names);
    const advice = near === null ? "waterspout admin accounts lists them" : `did you mean "${near}"?`;
    throw new CommandError(EXIT.usage, `There is no account "${wanted}"; ${advice}`);
  }
  if (!account)
    throw new CommandError(EXIT.usage, "There is no account yet; waterspout admin accounts create makes one");
  const listed = meant.map(({ id, name }) => `${name} (${id})`).join(", ");
  throw new CommandError(EXIT.usage, `Several accounts are possible; name one: ${listed}`);
}
