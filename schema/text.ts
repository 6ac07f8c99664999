/** Small work on text whose time grows with its length and no faster. */

/** A check for text that becomes part of a key: UTF-8 and URLs have no form of half a character. */
export const isWholeText = [
  (text: string): boolean => text.isWellFormed(),
  "must not contain half of a character (an unpaired surrogate)",
] as const;

/**
 * The text without any of these characters at its end. A pattern such as `/\/+$/` would begin anew at each of them.
 *
 * @example withoutTrailing("https://a.example//", "/") // "https://a.example"
 */
export function withoutTrailing(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/**
 * The text without any of these characters in front.
 *
 * @example withoutLeading(". a", ". ") // "a"
 */
export function withoutLeading(text: string, characters: string): string {
  let start = 0;
  while (start < text.length && characters.includes(text.charAt(start))) start++;
  return text.slice(start);
}
