/** Limits for a foreign text. */
export interface LineLimits {
  readonly maxLines: number;
  /** In characters. */
  readonly maxLineLength: number;
}

/** A text has more or longer lines than a legitimate one. */
export class LineLimitError extends Error {
  override readonly name = "LineLimitError";
}

/**
 * The lines of a text, without line breaks (LF or CRLF) and byte order mark. A text that ends with a line break has an
 * empty last line. Takes linear time.
 *
 * @throws LineLimitError
 */
export function textLines(text: string, { maxLines, maxLineLength }: LineLimits): string[] {
  const lines: string[] = [];
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  for (;;) {
    const found = text.indexOf("\n", at);
    const end = found < 0 ? text.length : found;
    if (lines.length === maxLines) throw new LineLimitError(`more than ${maxLines} lines`);
    if (end - at > maxLineLength) throw new LineLimitError(`a line of more than ${maxLineLength} characters`);
    lines.push(text.slice(at, text.charCodeAt(end - 1) === 0x0d && end > at ? end - 1 : end));
    if (found < 0) return lines;
    at = found + 1;
  }
}
