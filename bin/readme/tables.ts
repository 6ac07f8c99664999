import { readFileSync } from "node:fs";
import { CONFIG_VARIABLES as PROCESSOR_VARIABLES } from "../../processor/config.ts";
import { CONTAINERS } from "../../schema/containers.ts";
import { API_ERRORS, JOB_ERRORS } from "../../schema/errors.ts";
import { CONFIG_VARIABLES as WORKER_VARIABLES } from "../../worker/variables.ts";
import { inRoot } from "../stack/paths.ts";
import { EXIT_MEANINGS } from "../waterspout/failures/exit-codes.ts";
import { API_ADVICE, JOB_ADVICE } from "./advice.ts";
import { commandReference, commandVariableTable, commonOptionTable } from "./command-reference.ts";

/** Generated tables, by the name in their markers. */
const TABLES: Readonly<Record<string, () => string>> = {
  formats: formatTable,
  "worker variables": workerTable,
  "processor variables": processorTable,
  "api errors": apiErrorTable,
  "job errors": jobErrorTable,
  "verification in JavaScript": () => excerpt("receiver.mjs", "js", /^const isSigned[\s\S]*?^\};$/m),
  "verification in Python": () => excerpt("receiver.py", "python", /^def is_signed[\s\S]*?(?=\n\n)/m),
  "verification in PHP": () => excerpt("receiver.php", "php", /^function is_signed[\s\S]*?^\}$/m),
  "exit codes": () => table(["exit code", "meaning"], Object.entries(EXIT_MEANINGS)),
  "common options": commonOptionTable,
  "command variables": commandVariableTable,
  commands: commandReference,
};

/**
 * A page with its tables regenerated. Each is between `<!-- table: name -->` and `<!-- end of table -->`.
 *
 * @throws Error when a table is unknown or not ended
 */
export function withFreshTables(page: string): string {
  return tablesOf(page).reduce((text, name) => {
    const make = TABLES[name];
    if (!make) throw new Error(`There is no table "${name}"`);
    const [start, end] = [`<!-- table: ${name} -->`, "<!-- end of table -->"];
    const [before, rest] = splitOnce(text, start);
    const [, after] = splitOnce(rest, end);
    return `${before}${start}\n${make()}\n${end}${after}`;
  }, page);
}

/** Names of all tables that there are. */
export const TABLE_NAMES: readonly string[] = Object.keys(TABLES);

/** Names of the generated tables of a page. */
export const tablesOf = (page: string): string[] =>
  [...page.matchAll(/^<!-- table: (.+) -->$/gm)].map(([, name = ""]) => name);

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  if (at < 0) throw new Error(`"${separator}" is missing`);
  return [text.slice(0, at), text.slice(at + separator.length)];
}

/** A function of an example, as the page shows it. */
function excerpt(file: string, language: string, what: RegExp): string {
  const [text] = what.exec(readFileSync(inRoot("examples", "webhooks", file), "utf8")) ?? [];
  if (text === undefined) throw new Error(`${file} does not contain ${what}`);
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function formatTable(): string {
  const list = (codecs: readonly string[] | "any") =>
    codecs === "any" ? "any" : codecs.length === 0 ? "–" : codecs.join(", ");
  const rows = Object.entries(CONTAINERS).map(([name, { video, audio, firstVideo, firstAudio }]) => [
    `\`${name}\``,
    list(video),
    list(audio),
    video === "any" ? "–" : [firstVideo, firstAudio].filter((codec) => codec !== null).join(", "),
  ]);
  return table(["`format`", "video", "audio", "what does not fit becomes"], rows);
}

function workerTable(): string {
  const rows = WORKER_VARIABLES.map(({ name, fallback, meaning, secret }) => [
    `\`${name}\`${secret ? " (secret)" : ""}`,
    fallback === null ? "required" : code(fallback),
    meaning,
  ]);
  return table(["variable", "default", "meaning"], rows);
}

function processorTable(): string {
  const rows = PROCESSOR_VARIABLES.map(({ name, default: fallback = "", meaning }) => [
    `\`${name}\``,
    fallback,
    meaning,
  ]);
  return table(["variable", "default", "meaning"], rows);
}

function apiErrorTable(): string {
  const rows = Object.entries(API_ERRORS).map(([name, { status, sentence }]) => [
    ...[`\`${name}\``, String(status), sentence],
    API_ADVICE[name as keyof typeof API_ERRORS] ?? "",
  ]);
  return table(["`code`", "status", "meaning", "what to do"], rows);
}

/** How a retry is explained to people. */
const RETRIES = {
  never: "no",
  once: "once, at once",
  backoff: "a few times",
  patient: "for up to a day",
  elsewhere: "on another processor",
} as const;

function jobErrorTable(): string {
  const rows = Object.entries(JOB_ERRORS).map(([name, { outcome, retry, party, sentence }]) => [
    ...[`\`${name}\``, `\`${outcome}\``, `the ${party}`, RETRIES[retry], sentence],
    JOB_ADVICE[name as keyof typeof JOB_ERRORS] ?? "",
  ]);
  return table(["`error_code`", "status", "whose", "retried", "meaning", "what to do"], rows);
}

const code = (text: string): string => (text === "" ? "" : `\`${text}\``);

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
