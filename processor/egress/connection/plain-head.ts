/** The head of a response whose body consists of exactly the stated number of bytes. */
export interface PlainHead {
  /** Length of the original head in bytes. */
  readonly length: number;
  readonly bodyBytes: number;
  /** The same head, but announcing a body of one byte. */
  readonly shown: Buffer;
}

/** Smaller bodies are not worth it. */
const SMALLEST_BODY_BYTES = 64 << 10;

/**
 * Reads a simple head: complete in this chunk, 200 or 206, with one length and no coding. Null for anything else, which
 * is left to the real parser.
 *
 * @param chunk the first chunk of a response to a GET
 */
export function plainHead(chunk: Buffer): PlainHead | null {
  const end = chunk.indexOf("\r\n\r\n");
  const text = chunk.toString("latin1", 0, Math.max(0, end + 2));
  if (!/^HTTP\/1\.1 20[06] /.test(text) || /\r\n(transfer|content)-encoding:/i.test(text)) return null;
  const announced = /\r\ncontent-length: *(\d{1,15})(?=\r\n)/i.exec(text);
  if (!announced || text.match(/content-length/gi)?.length !== 1) return null;
  const bodyBytes = Number(announced[1]);
  if (bodyBytes < SMALLEST_BODY_BYTES) return null;
  const shown = Buffer.from(`${text.replace(announced[0], "\r\ncontent-length: 1")}\r\n`, "latin1");
  return { length: end + 4, bodyBytes, shown };
}
