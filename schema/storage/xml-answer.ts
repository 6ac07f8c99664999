import { decodeXml, XmlRefusedError, xmlTokens } from "../xml.ts";

/**
 * What the responses of storage services say, in XML that is flat: names, and texts in them. A response that no service
 * would send (see `XmlRefusedError`) says nothing, and one that was cut off loses its last element and nothing else.
 */

/** A page of a listing has up to 5,000 entries with some ten elements each; a list of blocks has 50,000. */
const LIMITS = { maxLength: 8 << 20, maxTokens: 400_000, maxTagLength: 4096 } as const;

/**
 * Texts of all elements of this name that hold nothing but text, decoded.
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

/** The first of {@link xmlTexts}. */
export const xmlText = (xml: string, name: string): string | undefined => xmlTexts(xml, name)[0];

/**
 * Inner XML of all elements of this name that do not contain themselves.
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

/** Whether an element of this name stands anywhere in it. */
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
