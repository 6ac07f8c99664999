import type { CallResponse } from "../../../schema/client.ts";
import { readTextFile } from "../arguments/read-file.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { noteAdjustments } from "../terminal/note-adjustments.ts";
import { facts, moment, table } from "../terminal/text.ts";

/** Stored cookies: those of an account, and those of the operator, which serve all accounts. */

interface Owner {
  /** In front of the commands' names. */
  readonly prefix: string;
  readonly needs?: "admin";
  /** @example "the account's cookies" */
  readonly whose: string;
  readonly calls: {
    readonly list: "listCookies" | "listOperatorCookies";
    readonly set: "setCookies" | "setOperatorCookies";
    readonly remove: "removeCookies" | "removeOperatorCookies";
  };
}

const ACCOUNT: Owner = {
  prefix: "",
  whose: "the account's cookies",
  calls: { list: "listCookies", set: "setCookies", remove: "removeCookies" },
};
const OPERATOR: Owner = {
  prefix: "admin ",
  needs: "admin",
  whose: "the operator's cookies, which serve every account without cookies of its own",
  calls: { list: "listOperatorCookies", set: "setOperatorCookies", remove: "removeOperatorCookies" },
};

type Jar = CallResponse<"listCookies">["cookies"][number];

const HEAD = ["site", "state", "cookies", "exit", "set", "used"];

const rowOf = (jar: Jar): string[] => [
  ...[jar.site, jar.state, `${jar.cookies}`, jar.exit ?? "any"],
  ...[moment(jar.set_at), moment(jar.used_at)],
];

const listOf = ({ prefix, needs, whose, calls }: Owner): Command => ({
  summary: `List ${whose}, without their values`,
  ...(needs ? { needs } : {}),
  examples: [`${prefix}cookies`, `${prefix}cookies --json`],
  async run(_, { api, out, signal }) {
    const { cookies } = await api[calls.list]({ signal });
    out.result({ cookies }, () =>
      cookies.length === 0 ? "No cookies are stored." : table(HEAD, cookies.map(rowOf)),
    );
    return EXIT.ok;
  },
});

const setOf = ({ prefix, needs, whose, calls }: Owner): Command => ({
  summary: `Store ${whose} for a site`,
  ...(needs ? { needs } : {}),
  details:
    "The file is what a browser exports: cookies.txt (Netscape format), or the JSON of an extension. A dash reads it from the standard input. Only cookies of the site are kept. They are secrets, so they are no arguments, which stay in the history of the shell.",
  operands: ["<site>", "<file>"],
  options: { exit: { value: "NAME", help: "The exit that must be used with them; default: any" } },
  examples: [
    `${prefix}cookies set youtube.com cookies.txt`,
    `${prefix}cookies set vimeo.com - --exit office < cookies.json`,
  ],
  async run(args, { api, out, signal, readInput }) {
    const [site = "", file = ""] = args.operands;
    const cookies = file === "-" ? await readInput() : readTextFile(file);
    const exit = args.text("exit") ?? null;
    const saved = await api[calls.set]({ params: { site }, body: { cookies, exit }, signal });
    noteAdjustments(saved, out);
    out.result(saved, () =>
      facts([
        ["message", saved.message],
        ["cookies", `${saved.cookies}`],
        ["exit", saved.exit ?? "any"],
      ]),
    );
    return EXIT.ok;
  },
});

const forgetOf = ({ prefix, needs, whose, calls }: Owner): Command => ({
  summary: `Remove ${whose} for a site`,
  ...(needs ? { needs } : {}),
  operands: ["<site>"],
  examples: [`${prefix}cookies forget youtube.com`],
  async run(args, { api, out, signal }) {
    const [site = ""] = args.operands;
    const removed = await api[calls.remove]({ params: { site }, signal });
    out.result(removed, () => removed.message);
    return EXIT.ok;
  },
});

export const cookies = listOf(ACCOUNT);
export const cookiesSet = setOf(ACCOUNT);
export const cookiesForget = forgetOf(ACCOUNT);
export const adminCookies = listOf(OPERATOR);
export const adminCookiesSet = setOf(OPERATOR);
export const adminCookiesForget = forgetOf(OPERATOR);
