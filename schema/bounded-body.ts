/** A response that has more bytes than its reader allows. */
export class BodyTooLargeError extends Error {
  constructor(maxBytes: number) {
    super(`the response has more than ${maxBytes} bytes`);
  }
}

/**
 * Reads the JSON of a foreign response. One that is too large is discarded without reading the rest.
 *
 * @param maxBytes after decompression, as `fetch` delivers it
 * @throws BodyTooLargeError; SyntaxError for what is not JSON
 * @example await readBoundedJson(await fetch(url), 1 << 20)
 */
export async function readBoundedJson(response: Response, maxBytes: number): Promise<unknown> {
  const decoder = new TextDecoder();
  let length = 0;
  let text = "";
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    // leaving the loop cancels the body
    if (length > maxBytes) throw new BodyTooLargeError(maxBytes);
    text += decoder.decode(chunk, { stream: true });
  }
  return JSON.parse(text + decoder.decode());
}
