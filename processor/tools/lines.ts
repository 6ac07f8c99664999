/** Longest line of a tool's own reports: progress, errors, facts. */
export const MAX_REPORT_LINE_BYTES = 1 << 20;

/**
 * Splits a byte stream into lines, without their line ends. A line may be many megabytes long: chunks are joined once,
 * when its end has arrived. Carriage returns count as line ends too (progress output); empty lines are left out, and so
 * are those that are longer than any program has a reason to write.
 *
 * @example stream.on("data", lineSplitter((line) => console.log(line)))
 */
export function lineSplitter(
  onLine: (line: string) => void,
  maxBytes = MAX_REPORT_LINE_BYTES,
): (chunk: Buffer) => void {
  let pending: Buffer[] = [];
  /** Size of the line so far; beyond the limit, its bytes are dropped. */
  let length = 0;
  const add = (bytes: Buffer) => {
    length += bytes.length;
    if (length <= maxBytes) pending.push(bytes);
    else pending = [];
  };
  return (chunk) => {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte !== 0x0a && byte !== 0x0d) continue;
      add(chunk.subarray(start, i));
      start = i + 1;
      const line = Buffer.concat(pending).toString("utf8");
      pending = [];
      length = 0;
      if (line !== "") onLine(line);
    }
    if (start < chunk.length) add(chunk.subarray(start));
  };
}
