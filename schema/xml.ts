/**
 * Reads foreign XML once from left to right: responses of storage services, feeds, TTML. It does not validate: it yields
 * tags and texts with their positions, and the reader picks the few names that it needs. It takes linear time for any
 * text.
 */

/** A tag. Comments, processing instructions and document types are skipped. */
export interface XmlTag {
  /** `empty` is `<name/>`. */
  readonly kind: "open" | "close" | "empty";
  /** As written, with its prefix. @example "itunes:title" */
  readonly name: string;
  /** The text between the name and the end of the tag; read it with {@link xmlAttribute}. */
  readonly attributes: string;
  /** Position of its `<` in the text. */
  readonly start: number;
  /** Position after its `>`. */
  readonly end: number;
}

/** The text between two tags. */
export interface XmlText {
  readonly kind: "text";
  /** As written; see {@link decodeXml}. */
  readonly text: string;
  /** It is from a CDATA section, where nothing is encoded. */
  readonly isLiteral: boolean;
}

/** What a reader accepts. */
export interface XmlLimits {
  /** Characters of the whole text. Default 16 Mi. */
  readonly maxLength?: number;
  /** Tags and texts. Default 500,000. */
  readonly maxTokens?: number;
  /** Characters of one tag. Default 16 Ki. */
  readonly maxTagLength?: number;
}

/** The text is larger than the reader accepts, or is not acceptable XML. */
export class XmlRefusedError extends Error {
  override readonly name = "XmlRefusedError";
}

const CDATA = "<![CDATA[";
const DEFAULTS = { maxLength: 16 << 20, maxTokens: 500_000, maxTagLength: 16 << 10 } as const;

/**
 * Tags and texts in order. If the text was cut off, an incomplete token at its end is dropped.
 *
 * @throws XmlRefusedError beyond a limit, for `<` inside a tag, and for a document type that defines entities
 * @example [...xmlTokens("<a>b</a>")].map(({ kind }) => kind) // ["open", "text", "close"]
 */
export function* xmlTokens(xml: string, limits: XmlLimits = {}): Generator<XmlTag | XmlText> {
  const { maxLength, maxTokens, maxTagLength } = { ...DEFAULTS, ...limits };
  if (xml.length > maxLength) throw new XmlRefusedError(`longer than ${maxLength} characters`);
  let count = 0;
  for (let at = 0; at < xml.length; ) {
    if (++count > maxTokens) throw new XmlRefusedError(`more than ${maxTokens} tags and texts`);
    if (xml[at] !== "<") {
      const next = xml.indexOf("<", at);
      const end = next < 0 ? xml.length : next;
      yield { kind: "text", text: xml.slice(at, end), isLiteral: false };
      at = end;
    } else if (xml.startsWith(CDATA, at)) {
      const end = xml.indexOf("]]>", at + CDATA.length);
      if (end < 0) return;
      yield { kind: "text", text: xml.slice(at + CDATA.length, end), isLiteral: true };
      at = end + 3;
    } else if (xml.startsWith("<!--", at)) {
      at = endBehind(xml, "-->", at + 4);
    } else if (xml.startsWith("<?", at)) {
      at = endBehind(xml, "?>", at + 2);
    } else {
      const end = endOfTag(xml, at, maxTagLength);
      if (end === null) return;
      if (xml[at + 1] !== "!") yield readTag(xml, at, end);
      else if (xml.slice(at, end).includes("[")) throw new XmlRefusedError("a document type of its own");
      at = end;
    }
  }
}

function endBehind(xml: string, mark: string, from: number): number {
  const found = xml.indexOf(mark, from);
  return found < 0 ? xml.length : found + mark.length;
}

/** Position after the `>` of a tag, ignoring quoted text; null if the text ends before it. */
function endOfTag(xml: string, start: number, maxLength: number): number | null {
  let quote = "";
  const last = Math.min(xml.length, start + maxLength);
  for (let at = start + 1; at < last; at++) {
    const character = xml.charAt(at);
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === ">") return at + 1;
    else if (character === '"' || character === "'") quote = character;
    else if (character === "<") throw new XmlRefusedError("a tag inside of a tag");
  }
  if (last < xml.length) throw new XmlRefusedError(`a tag of more than ${maxLength} characters`);
  return null;
}

function readTag(xml: string, start: number, end: number): XmlTag {
  const isClosing = xml[start + 1] === "/";
  const isEmpty = !isClosing && xml[end - 2] === "/" && end - 2 > start;
  const from = start + (isClosing ? 2 : 1);
  const to = end - (isEmpty ? 2 : 1);
  let nameEnd = from;
  while (nameEnd < to && !isSpace(xml.charCodeAt(nameEnd))) nameEnd++;
  return {
    kind: isClosing ? "close" : isEmpty ? "empty" : "open",
    name: xml.slice(from, nameEnd),
    attributes: xml.slice(nameEnd, to),
    ...{ start, end },
  };
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/**
 * The value of an attribute, decoded; null where there is none of this name.
 *
 * @param attributes as {@link XmlTag} has them
 * @example xmlAttribute(' url="a&amp;b" type="c"', "url") // "a&b"
 */
export function xmlAttribute(attributes: string, name: string): string | null {
  for (let at = 0; at < attributes.length; ) {
    const equals = attributes.indexOf("=", at);
    if (equals < 0) return null;
    let from = equals + 1;
    while (from < attributes.length && isSpace(attributes.charCodeAt(from))) from++;
    const quote = attributes.charAt(from);
    if (quote !== '"' && quote !== "'") return null;
    const end = attributes.indexOf(quote, from + 1);
    if (end < 0) return null;
    if (attributes.slice(at, equals).trim() === name) return decodeXml(attributes.slice(from + 1, end));
    at = end + 1;
  }
  return null;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const MAX_CODE_POINT = 0x10ffff;

/**
 * Text with its references resolved: the five that XML knows, and characters by number. Others stay as they are.
 *
 * @param entities further names that the kind of document knows
 * @example decodeXml("a&amp;b&#x21;") // "a&b!"
 */
export function decodeXml(text: string, entities: Readonly<Record<string, string>> = {}): string {
  return text.replace(/&(?:#x([0-9a-f]{1,8})|#(\d{1,8})|([a-z]\w{1,30}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? entities[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= MAX_CODE_POINT ? String.fromCodePoint(code) : whole;
  });
}

/** Escapes text for an element's content. */
export const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
