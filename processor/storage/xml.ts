const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/**
 * Texts of all elements of this name, without nested elements, entities decoded. Enough for the flat answers of
 * storage services; not a parser for XML of unknown shape.
 *
 * @example xmlTexts("<E><Code>A&amp;B</Code></E>", "Code") // ["A&B"]
 */
export function xmlTexts(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`, "g"))].map((match) =>
    decodeEntities(match[1] ?? ""),
  );
}

/** The first of {@link xmlTexts}. */
export const xmlText = (xml: string, name: string): string | undefined => xmlTexts(xml, name)[0];

/** Inner XML of all elements of this name that do not contain themselves. */
export function xmlElements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, "g"))].map(
    (match) => match[1] ?? "",
  );
}

/** Text made safe for an element's content. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>]/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[character] ?? character);

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex || decimal) return String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal));
    return ENTITIES[name] ?? whole;
  });
}
