import { type Key, SCOPES } from "../../../schema/api/account.ts";
import type { Args } from "../arguments/args.ts";
import { readChoices, readNumber } from "../arguments/values.ts";
import type { Command, Context } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { findAccount } from "../find-account.ts";
import { printList } from "../terminal/print-list.ts";
import { moment } from "../terminal/text.ts";

const ACCOUNT_OPTION = {
  account: { value: "ACCOUNT", help: "Id or name of the account; default: the only one there is" },
} as const;
const KEY = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";
const DAY_MS = 86_400_000;

const accountOf = (args: Args, context: Context) => findAccount(args.text("account"), context);

const row = (key: Key): string[] => [
  key.id,
  key.name,
  `${key.prefix}…${key.last4}`,
  key.scopes?.join(",") ?? "all",
  moment(key.created_at),
  key.revoked_at === null ? moment(key.expires_at) || "never" : `revoked ${moment(key.revoked_at)}`,
];

export const keys: Command = {
  summary: "List the keys of an account",
  needs: "admin",
  options: ACCOUNT_OPTION,
  examples: ["keys", "keys --account newsroom --json"],
  async run(args, context) {
    const { api, out, signal } = context;
    const { id } = await accountOf(args, context);
    const head = ["id", "name", "key", "scopes", "created", "ends"];
    const found = api.each("listKeys", { params: { id }, signal });
    await printList(found, Number.POSITIVE_INFINITY, out, head, row);
    return EXIT.ok;
  },
};

export const keysCreate: Command = {
  summary: "Create a key; it is shown only once",
  needs: "admin",
  operands: ["[name]"],
  options: {
    ...ACCOUNT_OPTION,
    scopes: { value: SCOPES.join(","), help: "Permissions; default: everything" },
    "expires-in-days": { value: "N", help: "Days until it expires; default: never" },
  },
  examples: [
    "keys create reader --account newsroom --scopes read --expires-in-days 90",
    "keys create > newsroom.key",
  ],
  async run(args, context) {
    const { api, out, signal } = context;
    const [name] = args.operands;
    const scopes = readChoices(args, "scopes", SCOPES);
    const days = readNumber(args, "expires-in-days");
    const body = {
      ...(name === undefined ? {} : { name }),
      ...(scopes === undefined ? {} : { scopes }),
      ...(days === undefined ? {} : { expires_at: Date.now() + days * DAY_MS }),
    };
    const { id } = await accountOf(args, context);
    const key = await api.createKey({ params: { id }, body, signal });
    out.note(`key ${key.id}; it is shown only once:`);
    out.result(key, () => key.api_key);
    return EXIT.ok;
  },
};

export const keysRoll: Command = {
  summary: "Replace a key; the old one keeps working for a while",
  needs: "admin",
  operands: ["<key id>"],
  options: {
    ...ACCOUNT_OPTION,
    "overlap-seconds": {
      value: "N",
      help: "How long the old key keeps working; default: a day",
    },
  },
  examples: [`keys roll ${KEY} --account newsroom --overlap-seconds 86400`],
  async run(args, context) {
    const { api, out, signal } = context;
    const [key_id = ""] = args.operands;
    const seconds = readNumber(args, "overlap-seconds", 0);
    const body = seconds === undefined ? {} : { overlap_seconds: seconds };
    const { id } = await accountOf(args, context);
    const key = await api.rollKey({ params: { id, key_id }, body, signal });
    out.note(`key ${key.id}; it is shown only once:`);
    out.result(key, () => key.api_key);
    return EXIT.ok;
  },
};

export const keysRevoke: Command = {
  summary: "Revoke a key; it stops working within 60 seconds",
  needs: "admin",
  operands: ["<key id>"],
  options: ACCOUNT_OPTION,
  examples: [`keys revoke ${KEY} --account newsroom`],
  async run(args, context) {
    const { api, out, signal } = context;
    const { id } = await accountOf(args, context);
    const [key_id = ""] = args.operands;
    const response = await api.revokeKey({ params: { id, key_id }, signal });
    out.result(response, () => response.message);
    return EXIT.ok;
  },
};
