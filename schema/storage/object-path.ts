/** Encoding of object keys, queries and file names in URLs and headers of object stores. */

/**
 * A key that no URL can represent: parsers collapse dot segments, so the request would address another object than its
 * signature.
 */
export class ObjectKeyError extends Error {
  override readonly name = "ObjectKeyError";
}

/**
 * Percent-encodes everything but the unreserved characters of RFC 3986, as signatures require. An unencoded `+` in a
 * path would be signed as a space.
 *
 * @example encodeSegment("a+b (1)") // "a%2Bb%20%281%29"
 */
export const encodeSegment = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/**
 * An object key as a path without its leading slash: each folder encoded, the slashes kept.
 *
 * @throws ObjectKeyError for a key with a dot segment
 * @example encodeKey("a b/c+d") // "a%20b/c%2Bd"
 */
export function encodeKey(key: string): string {
  const segments = key.split("/");
  if (segments.some((segment) => segment === "." || segment === "..")) {
    throw new ObjectKeyError("an object key has a dot segment");
  }
  return segments.map(encodeSegment).join("/");
}

/** Decoded query parameters. An empty value is written with its `=`. */
export type Query = Readonly<Record<string, string>>;

/** A query without `?`, sorted by name as signatures sort it. @example queryString({ b: "1 2", a: "" }) // "a=&b=1%202" */
export const queryString = (query: Query): string =>
  Object.keys(query)
    .sort()
    .map((name) => `${encodeSegment(name)}=${encodeSegment(query[name] ?? "")}`)
    .join("&");

/**
 * The header value that makes browsers save an object under a given name.
 *
 * @example attachmentNamed("Über.mp4") // "attachment; filename*=UTF-8''%C3%9Cber.mp4"
 */
export const attachmentNamed = (fileName: string): string =>
  `attachment; filename*=UTF-8''${encodeURIComponent(fileName).replaceAll("'", "%27")}`;
