/** Helpers for text that run in linear time. */

/** A check for text that becomes part of a key: UTF-8 and URLs have no form of half a character. */
export const isWholeText = [
  (text: string): boolean => text.isWellFormed(),
  "must not contain half of a character (an unpaired surrogate)",
] as const;

/**
 * The text without any of these characters at its end. A pattern such as `/\/+$/` would restart at each of them.
 *
 * @example withoutTrailing("https://a.example//", "/") // "https://a.example"
 */
export function withoutTrailing(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/**
 * The text without any of these characters at its start.
 *
 * @example withoutLeading(". a", ". ") // "a"
 */
export function withoutLeading(text: string, characters: string): string {
  let start = 0;
  while (start < text.length && characters.includes(text.charAt(start))) start++;
  return text.slice(start);
}

/** Longest description of media that is stored, in characters. Sites allow about as many; few descriptions are longer. */
export const MAX_DESCRIPTION = 4_000;

/**
 * The beginning of a text, no longer than this many characters, never with half a character at its end.
 *
 * @example cutText("abcdef", 4) // "abc…"
 */
export const cutText = (text: string, max: number): string =>
  (text.length > max ? `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : text).toWellFormed();
