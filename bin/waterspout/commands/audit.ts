import { readNumber } from "../arguments/values.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { findAccount } from "../find-account.ts";
import { printList } from "../terminal/print-list.ts";
import { moment } from "../terminal/text.ts";

const DEFAULT_LIMIT = 50;

export const audit: Command = {
  summary: "Show the audit log of accounts and keys, newest first",
  needs: "admin",
  options: {
    account: { value: "ACCOUNT", help: "Only entries about this account, by id or name" },
    limit: { value: "N", help: `Entries at most; default: ${DEFAULT_LIMIT}` },
  },
  examples: ["admin audit", "admin audit --account newsroom --json"],
  async run(args, context) {
    const { api, out, signal } = context;
    const limit = readNumber(args, "limit") ?? DEFAULT_LIMIT;
    const wanted = args.text("account");
    const account_id = wanted === undefined ? undefined : (await findAccount(wanted, context)).id;
    const entries = api.each("listAudit", { query: { account_id }, signal });
    const head = ["at", "by", "what", "account", "subject"];
    await printList(entries, limit, out, head, (entry) => [
      ...[moment(entry.at), entry.actor, entry.action, entry.account_id ?? "", entry.subject ?? ""],
    ]);
    return EXIT.ok;
  },
};
