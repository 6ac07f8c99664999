/**
 * Breaks a text into lines of at most `width` characters; words are not broken.
 *
 * @example wrap("deliver the media of a URL", 12) // ["deliver the", "media of a", "URL"]
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}

/** Longest left part that shares its line with the text to the right of it. */
const LEFT = 26;

/**
 * Pairs of a name and its explanation, as a help text shows them: indented, aligned and wrapped.
 *
 * @param paintName paints the names
 */
export function definitions(
  pairs: readonly (readonly [string, string])[],
  width: number,
  paintName: (text: string) => string = (text) => text,
): string {
  const left = Math.min(LEFT, Math.max(...pairs.map(([name]) => name.length)));
  const indent = " ".repeat(left + 4);
  return pairs
    .map(([name, text]) => {
      const lines = wrap(text, Math.max(20, width - indent.length));
      const below = lines.map((line) => `\n${indent}${line}`);
      if (name.length > left) return `  ${paintName(name)}${below.join("")}`;
      return `  ${paintName(name)}${" ".repeat(left - name.length + 2)}${lines[0] ?? ""}${below.slice(1).join("")}`.trimEnd();
    })
    .join("\n");
}
