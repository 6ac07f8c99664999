import { ServiceFault } from "../fault.ts";

/**
 * A key as the path of a URL, each segment percent-encoded as signatures demand.
 *
 * @throws Fault `internal` for a dot segment: URL parsers collapse these, so the request would name another object than
 *   the signature
 * @example encodeKey("a b/c+d") // "/a%20b/c%2Bd"
 */
export function encodeKey(key: string): string {
  const segments = key.split("/");
  if (segments.some((segment) => segment === "." || segment === "..")) {
    throw new ServiceFault("internal", "an object key has a dot segment");
  }
  return `/${segments.map(encodeSegment).join("/")}`;
}

/** Percent-encodes all but RFC 3986's unreserved characters; a literal `+` left in a path is signed as a space. */
export const encodeSegment = (segment: string): string =>
  encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** The header value that makes browsers save an object under a name. */
export const attachmentNamed = (fileName: string): string =>
  `attachment; filename*=UTF-8''${encodeURIComponent(fileName).replaceAll("'", "%27")}`;
