import { CONFIG_VARIABLES as PROCESSOR_VARIABLES } from "../../processor/config.ts";
import { CONTAINERS } from "../../schema/containers.ts";
import { CONFIG_VARIABLES as WORKER_VARIABLES } from "../../worker/config.ts";
import { EXIT_MEANINGS } from "../waterspout/failures/exit-codes.ts";

/** The README's generated tables, by the name in their markers. */
const TABLES: Readonly<Record<string, () => string>> = {
  formats: formatTable,
  "worker variables": workerTable,
  "processor variables": processorTable,
  "exit codes": () => table(["exit code", "meaning"], Object.entries(EXIT_MEANINGS)),
};

/**
 * The README with its tables regenerated. Each is between `<!-- table: name -->` and `<!-- end of table -->`.
 *
 * @throws Error when a table's markers are missing
 */
export function withFreshTables(readme: string): string {
  return Object.entries(TABLES).reduce((text, [name, make]) => {
    const [start, end] = [`<!-- table: ${name} -->`, "<!-- end of table -->"];
    const [before, rest] = splitOnce(text, start);
    const [, after] = splitOnce(rest, end);
    return `${before}${start}\n${make()}\n${end}${after}`;
  }, readme);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  if (at < 0) throw new Error(`README.md: "${separator}" is missing`);
  return [text.slice(0, at), text.slice(at + separator.length)];
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

const code = (text: string): string => (text === "" ? "" : `\`${text}\``);

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
