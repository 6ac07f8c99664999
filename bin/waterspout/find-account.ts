import type { Account } from "../../schema/api/account.ts";
import type { Context } from "./command.ts";
import { CommandError } from "./failures/command-error.ts";
import { EXIT } from "./failures/exit-codes.ts";

/**
 * The account of an id or a name; without either, the only one there is.
 *
 * @throws CommandError `usage` when none or several are meant
 */
export async function findAccount(
  wanted: string | undefined,
  { api, signal }: Pick<Context, "api" | "signal">,
): Promise<Account> {
  const meant: Account[] = [];
  for await (const account of api.each("listAccounts", { signal })) {
    if (wanted === undefined || account.id === wanted || account.name === wanted) meant.push(account);
  }
  const [account] = meant;
  if (account && meant.length === 1) return account;
  if (wanted !== undefined && account === undefined) {
    throw new CommandError(
      EXIT.usage,
      `There is no account "${wanted}"; waterspout admin accounts lists them`,
    );
  }
  const names = meant.map(({ id, name }) => `${name} (${id})`).join(", ");
  throw new CommandError(EXIT.usage, `Specify an account: ${names || "there is none yet"}`);
}
