import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { facts } from "../text.ts";

export const usage: Command = {
  summary: "Show what the account used in this month, and what it may use",
  examples: ["usage", "usage --json"],
  async run(_, { api, out, signal }) {
    const used = await api.getUsage({ signal });
    const rows = Object.entries(used).map(([name, value]) => [name.replaceAll("_", " "), value] as const);
    out.result(used, () => facts(rows));
    return EXIT.ok;
  },
};
