import type { Usage } from "../../../schema/api/usage.ts";
import type { Args } from "../arguments/args.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { findAccount } from "../find-account.ts";
import { facts, table } from "../terminal/text.ts";

const MONTH_OPTION = { month: { value: "YYYY-MM", help: "Month in UTC; default: this month" } } as const;
const queryOf = (args: Args) => ({ period: args.text("month") });

export const usage: Command = {
  summary: "Show the account's usage in a month, and its limits",
  options: MONTH_OPTION,
  examples: ["usage", "usage --month 2026-11 --json"],
  async run(args, { api, out, signal }) {
    const used = await api.getUsage({ query: queryOf(args), signal });
    out.result(used, () => usageText(used));
    return EXIT.ok;
  },
};

export const adminUsage: Command = {
  summary: "Show the usage of an account and of each of its keys in a month",
  needs: "admin",
  operands: ["[account]"],
  options: MONTH_OPTION,
  examples: ["admin usage newsroom", "admin usage newsroom --month 2026-11 --json"],
  async run(args, context) {
    const { api, out, signal } = context;
    const { id } = await findAccount(args.operands[0], context);
    const used = await api.getAccountUsage({ params: { id }, query: queryOf(args), signal });
    const { keys, ...total } = used;
    const rows = keys.map((key) => [
      ...[key.key_id, key.name],
      ...[key.usage_count, key.storage_usage_gb, key.storage_reserved_gb].map(String),
    ]);
    const head = ["key", "name", "jobs", "GB delivered", "GB reserved"];
    out.result(used, () => [usageText(total), table(head, rows, out)].join("\n\n"));
    return EXIT.ok;
  },
};

const usageText = (used: Usage): string =>
  facts(Object.entries(used).map(([name, value]) => [name.replaceAll("_", " "), value] as const));
