import { SourceFault } from "../fault.ts";
import { attributesOf } from "./attribute-list.ts";

/** Values of `EXT-X-DEFINE`, by name. */
export type Variables = ReadonlyMap<string, string>;

/** Longest line after variables were replaced, in characters. */
const MAX_LINE_LENGTH = 32 << 10;
const MARK = "{$";

/** The variables that one playlist has defined so far. */
export class VariableReader {
  readonly #values = new Map<string, string>();
  readonly #url: URL | null;
  readonly #imported: Variables;

  /**
   * @param baseUrl where the playlist came from; its query may hold values
   * @param imported what the playlist that named this one defines
   */
  constructor(baseUrl: string, imported: Variables) {
    this.#url = URL.parse(baseUrl);
    this.#imported = imported;
  }

  get all(): Variables {
    return this.#values;
  }

  /** Applies an `EXT-X-DEFINE`. A value that cannot be found stays undefined. */
  define(line: string): void {
    const declared = new Map(attributesOf(line).map(({ name, value }) => [name, value]));
    const [name, fromQuery, fromParent] = ["NAME", "QUERYPARAM", "IMPORT"].map((kind) => declared.get(kind));
    if (name !== undefined) this.#set(name, declared.get("VALUE") ?? "");
    else if (fromQuery !== undefined) this.#set(fromQuery, this.#url?.searchParams.get(fromQuery) ?? null);
    else if (fromParent !== undefined) this.#set(fromParent, this.#imported.get(fromParent) ?? null);
  }

  /**
   * A line with its variables replaced. Values are not expanded again.
   *
   * @throws Fault `network` for an undefined variable, and for a line that becomes too long
   */
  replace(line: string): string {
    if (this.#values.size === 0 || !line.includes(MARK)) return line;
    let replaced = "";
    let at = 0;
    for (let mark = line.indexOf(MARK); mark >= 0; mark = line.indexOf(MARK, at)) {
      const end = line.indexOf("}", mark);
      if (end < 0) break;
      const value = this.#values.get(line.slice(mark + MARK.length, end));
      if (value === undefined)
        throw new SourceFault("network", "the playlist uses a variable without a value", {
          transient: false,
        });
      replaced += line.slice(at, mark) + value;
      if (replaced.length > MAX_LINE_LENGTH)
        throw new SourceFault("network", "the playlist has too long a line", { transient: false });
      at = end + 1;
    }
    return replaced + line.slice(at);
  }

  #set(name: string, value: string | null): void {
    if (value !== null && !this.#values.has(name)) this.#values.set(name, value);
  }
}
