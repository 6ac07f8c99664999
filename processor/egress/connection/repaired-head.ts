/** The status line of radio servers that are older than HTTP/1.1. */
const RADIO = Buffer.from("ICY ");
const LENGTHS = /\r?\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?:,[ \t]*(\d{1,15})[ \t]*)?(?=\r?\n)/gi;

/**
 * The first chunk of a response, with a head that the parser accepts: radio servers name no version of HTTP, and some
 * servers state the same length twice. Anything else is returned unchanged, lengths that differ among it.
 */
export function repairedHead(chunk: Buffer): Buffer {
  // such a response ends with its connection
  if (chunk.subarray(0, RADIO.length).equals(RADIO))
    return Buffer.concat([Buffer.from("HTTP/1.0 "), chunk.subarray(RADIO.length)]);
  const end = chunk.indexOf("\r\n\r\n");
  if (end < 0) return chunk;
  const head = chunk.toString("latin1", 0, end + 2);
  const stated = [...head.matchAll(LENGTHS)].flatMap(([, first, second]) =>
    second ? [first, second] : [first],
  );
  if (stated.length < 2 || new Set(stated).size > 1) return chunk;
  const repaired = `${head.replace(LENGTHS, "")}content-length: ${stated[0]}\r\n`;
  return Buffer.concat([Buffer.from(repaired, "latin1"), chunk.subarray(end + 2)]);
}
