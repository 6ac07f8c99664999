import type { Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";

/** A line of a list of URLs. */
export interface ListedUrl {
  readonly url: string;
  readonly filename?: string;
}

/** How lists of URLs look, for help texts. */
export const LIST_FORMAT =
  "one URL per line, optionally followed by a space and a file name; # begins a comment";

/** @example parseUrls("https://example.com/1.mp4 First talk") // [{ url: "https://example.com/1.mp4", filename: "First talk" }] */
export function parseUrls(text: string): ListedUrl[] {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const space = line.search(/\s/);
      const [url, filename] = space < 0 ? [line, ""] : [line.slice(0, space), line.slice(space).trim()];
      return filename === "" ? { url } : { url, filename };
    });
}

/**
 * The URLs that operands name; `-` stands for those on the standard input.
 *
 * @throws CommandError `usage` if the standard input holds none
 */
export async function readUrls(
  operands: readonly string[],
  readInput: Context["readInput"],
): Promise<ListedUrl[]> {
  // read once, even if it is named twice
  const piped = operands.includes("-") ? parseUrls(await readInput()) : [];
  if (operands.includes("-") && piped.length === 0) {
    throw new CommandError(EXIT.usage, `The standard input has no URL; it takes ${LIST_FORMAT}`);
  }
  const at = operands.indexOf("-");
  return operands.flatMap((operand, i) => (operand !== "-" ? [{ url: operand }] : i === at ? piped : []));
}
