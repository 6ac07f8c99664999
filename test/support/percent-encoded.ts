/** Percent-encodes everything except RFC 3986's unreserved characters and the slash. */
export const percentEncoded = (path: string): string =>
  encodeURIComponent(path)
    .replaceAll("%2F", "/")
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
