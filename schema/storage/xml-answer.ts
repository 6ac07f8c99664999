import { decodeXml, XmlRefusedError, xmlTokens } from "../xml.ts";

/**
 * Reads the flat XML of storage services: names and their texts. A response that no service would send (see
 * `XmlRefusedError`) yields nothing. A truncated response loses only its last element.
 */

/** A page of a listing has up to 5,000 entries with about ten elements each; a list of blocks has 50,000. */
const LIMITS = { maxLength: 8 << 20, maxTokens: 400_000, maxTagLength: 4096 } as const;

/**
 * Decoded texts of all elements with this name that contain only text.
 *
 * @example xmlTexts("<E><Code>A&amp;B</Code></E>", "Code") // ["A&B"]
 */
export function xmlTexts(xml: string, name: string): string[] {
  return read(() => {
    const found: string[] = [];
    let text: string | null = null;
    for (const token of xmlTokens(xml, LIMITS)) {
      if (token.kind === "text") {
        if (text !== null) text += token.isLiteral ? token.text : decodeXml(token.text);
      } else if (token.kind === "close" && token.name === name) {
        if (text !== null) found.push(text);
        text = null;
      } else {
        text = token.kind === "open" && token.name === name ? "" : null;
        if (token.kind === "empty" && token.name === name) found.push("");
      }
    }
    return found;
  });
}

/** The first result of {@link xmlTexts}. */
export const xmlText = (xml: string, name: string): string | undefined => xmlTexts(xml, name)[0];

/**
 * Inner XML of all elements with this name that are not nested in one another.
 *
 * @example xmlElements("<L><U><K>a</K></U></L>", "U") // ["<K>a</K>"]
 */
export function xmlElements(xml: string, name: string): string[] {
  return read(() => {
    const found: string[] = [];
    let start: number | null = null;
    for (const token of xmlTokens(xml, LIMITS)) {
      if (token.kind === "text" || token.name !== name) continue;
      if (token.kind === "open") start ??= token.end;
      else if (start !== null) {
        found.push(xml.slice(start, token.start));
        start = null;
      }
    }
    return found;
  });
}

/** True if the text contains an element with this name. */
export function hasXmlElement(xml: string, name: string): boolean {
  return read(() => {
    for (const token of xmlTokens(xml, LIMITS)) {
      if (token.kind !== "text" && token.name === name) return [true];
    }
    return [];
  }).includes(true);
}

function read<T>(run: () => T[]): T[] {
  try {
    return run();
  } catch (error) {
    if (error instanceof XmlRefusedError) return [];
    throw error;
  }
}
