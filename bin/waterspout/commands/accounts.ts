import { type Account, Limits, SOURCES } from "../../../schema/api/account.ts";
import type { Args } from "../arguments/args.ts";
import { membersOf, optionsOf } from "../arguments/schema-options.ts";
import { readChoice } from "../arguments/values.ts";
import type { Command, Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT, type ExitCode } from "../failures/exit-codes.ts";
import { findAccount } from "../find-account.ts";
import { printList } from "../terminal/print-list.ts";
import { moment } from "../terminal/text.ts";

const limitsText = (limits: Limits): string =>
  Object.entries(limits)
    .flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]))
    .join(" ");

const row = ({ id, name, source, disabled, created_at, storage_prefix, limits }: Account): string[] => [
  ...[id, name, source, disabled ? "disabled" : "enabled", moment(created_at)],
  ...[storage_prefix, limitsText(limits)],
];

export const accounts: Command = {
  summary: "List accounts",
  needs: "admin",
  examples: ["admin accounts", "admin accounts --json"],
  async run(_, { api, out, signal }) {
    const head = ["id", "name", "source", "state", "created", "storage prefix", "limits"];
    await printList(api.each("listAccounts", { signal }), Number.POSITIVE_INFINITY, out, head, row);
    return EXIT.ok;
  },
};

export const accountsCreate: Command = {
  summary: "Create an account",
  needs: "admin",
  operands: ["<name>"],
  options: {
    source: { value: SOURCES.join("|"), help: "Origin of the account; default: direct" },
    "storage-prefix": {
      value: "NAME",
      help: "First folder of its keys in the managed bucket; default: its id",
    },
    ...optionsOf(Limits.shape),
  },
  examples: ["admin accounts create newsroom --max-concurrent-jobs 20 --storage-bytes 1000000000000"],
  async run(args, { api, out, signal }) {
    const [name = ""] = args.operands;
    const source = readChoice(args, "source", SOURCES);
    const account = await api.createAccount({
      body: {
        ...{ name, source, storage_prefix: args.text("storage-prefix") },
        limits: membersOf(Limits.shape, args),
      },
      signal,
    });
    out.result(account, () => account.id);
    return EXIT.ok;
  },
};

export const accountsLimits: Command = {
  summary: "Change limits of an account; the others stay as they are",
  needs: "admin",
  operands: ["<account>"],
  options: optionsOf(Limits.shape),
  examples: [
    "admin accounts limits newsroom --max-resolution 1080",
    "admin accounts limits newsroom --storage-bytes none",
  ],
  async run(args, context) {
    const limits = membersOf(Limits.shape, args);
    if (Object.keys(limits).length === 0)
      throw new CommandError(EXIT.usage, "Name a limit to change; see --help");
    return change(args, context, { limits });
  },
};

export const accountsRename: Command = {
  summary: "Rename an account",
  needs: "admin",
  operands: ["<account>", "<name>"],
  examples: ['admin accounts rename newsroom "News and sports"'],
  run: (args, context) => change(args, context, { name: args.operands[1] ?? "" }),
};

export const accountsDisable: Command = {
  summary: "Disable an account: its keys are refused within 60 seconds",
  needs: "admin",
  operands: ["<account>"],
  examples: ["admin accounts disable newsroom"],
  run: (args, context) => change(args, context, { disabled: true }),
};

export const accountsEnable: Command = {
  summary: "Enable an account again",
  needs: "admin",
  operands: ["<account>"],
  examples: ["admin accounts enable newsroom"],
  run: (args, context) => change(args, context, { disabled: false }),
};

async function change(
  { operands: [wanted] }: Args,
  context: Context,
  body: { readonly name?: string; readonly limits?: Limits; readonly disabled?: boolean },
): Promise<ExitCode> {
  const { id } = await findAccount(wanted, context);
  const account = await context.api.changeAccount({ params: { id }, body, signal: context.signal });
  context.out.result(account, () => row(account).join("  ").trimEnd());
  return EXIT.ok;
}
