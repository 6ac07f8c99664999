import { XMLParser } from "fast-xml-parser";

interface ItemParserOptions {
  /** Elements whose content stays text, as paths of the parser. */
  readonly stopNodes: string[];
  /** Elements that may occur several times. */
  readonly arrays: readonly string[];
}

/** A parser for single items of feeds, which anybody may have written: members that begin with `@` are attributes. */
export const itemParser = ({ stopNodes, arrays }: ItemParserOptions): XMLParser =>
  new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    parseTagValue: false,
    parseAttributeValue: false,
    htmlEntities: true,
    // entities that a feed defines are not resolved, so none can expand
    processEntities: { enabled: true, maxEntityCount: 1, maxEntitySize: 1, maxExpandedLength: 1024 * 1024 },
    maxNestedTags: 32,
    stopNodes,
    isArray: (name) => arrays.includes(name),
  });

/** Text of a parsed element, which is an object if it has attributes; null without any. */
export function textOfElement(value: unknown): string | null {
  const found = typeof value === "object" && value !== null && "#text" in value ? value["#text"] : value;
  return typeof found === "string" && found.trim() !== "" ? found.trim() : null;
}
