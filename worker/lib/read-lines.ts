/**
 * The lines of a stream of UTF-8 text, without line breaks; empty lines are skipped. Leaving the loop ends the stream.
 *
 * @param maxLength of a line, in characters
 * @throws Error for a line that is longer; what the stream throws
 */
export async function* readLines(
  body: ReadableStream<Uint8Array>,
  maxLength: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of body) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split("\n");
    pending = lines.pop() ?? "";
    if (pending.length > maxLength) throw new Error(`a line is longer than ${maxLength} characters`);
    for (const line of lines) if (line !== "") yield line;
  }
  const last = pending + decoder.decode();
  if (last !== "") yield last;
}
