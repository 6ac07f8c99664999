import { SourceFault } from "../fault.ts";

/** One `NAME=value` of a tag. */
export interface Attribute {
  readonly name: string;
  /** Without its quotes. */
  readonly value: string;
  readonly isQuoted: boolean;
}

/** No tag of RFC 8216 or its successor has more than 20. */
const MAX_ATTRIBUTES = 100;

/**
 * The attributes of a tag, in their order, the first of each name. The work is linear in the length of the line.
 *
 * Ambiguous input is removed, so that every later reader understands the tag in the same way: a value without quotes ends
 * at the first space, and backslashes, which could hide the end of a quoted value, are dropped. Spaces around names and
 * values are ignored.
 *
 * @throws Fault `network` for a tag with more attributes than any honest one
 * @example attributesOf('#EXT-X-MAP:URI="a,b",BYTERANGE=1') // [{ name: "URI", value: "a,b", … }, { name: "BYTERANGE", … }]
 */
export function attributesOf(line: string): Attribute[] {
  const found = new Map<string, Attribute>();
  const colon = line.indexOf(":");
  for (let at = colon < 0 ? line.length : colon + 1; at < line.length; ) {
    const equals = line.indexOf("=", at);
    if (equals < 0) break;
    const head = line.slice(at, equals);
    // text before a comma that has no value is not an attribute
    const name = head.slice(head.lastIndexOf(",") + 1).trim();
    let from = equals + 1;
    while (line[from] === " " || line[from] === "\t") from++;
    const isQuoted = line[from] === '"';
    if (isQuoted) from++;
    const closing = line.indexOf(isQuoted ? '"' : ",", from);
    const end = closing < 0 ? line.length : closing;
    const attribute = { name, value: plain(line.slice(from, end), isQuoted), isQuoted };
    if (NAME.test(attribute.name) && !found.has(attribute.name)) found.set(attribute.name, attribute);
    if (found.size > MAX_ATTRIBUTES)
      throw new SourceFault("network", "the playlist has a tag of too many attributes", { transient: false });
    const comma = isQuoted ? line.indexOf(",", end) : end;
    at = comma < 0 ? line.length : comma + 1;
  }
  return [...found.values()];
}

const NAME = /^[A-Z0-9-]{1,64}$/;

const plain = (value: string, isQuoted: boolean): string =>
  isQuoted ? value.replaceAll("\\", "") : (value.split(/\s/, 1)[0] ?? "");

/** The value of one attribute; null if the tag does not have it. */
export const attribute = (line: string, name: string): string | null =>
  attributesOf(line).find((one) => one.name === name)?.value ?? null;

/** The tag with other attributes. @param line the original tag */
export function withAttributes(line: string, attributes: readonly Attribute[]): string {
  const list = attributes.map(({ name, value, isQuoted }) => `${name}=${isQuoted ? `"${value}"` : value}`);
  return `${line.slice(0, line.indexOf(":") + 1)}${list.join(",")}`;
}
