/** Helpers for text that run in linear time. */

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
