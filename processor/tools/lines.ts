/** Longest line of a tool's own reports: progress, errors, facts. */
export const MAX_REPORT_LINE_BYTES = 1 << 20;

/**
 * Cuts a byte stream into lines, without their line ends. A line may be many megabytes long: chunks are joined once,
 * when its end is there. Carriage returns count as line ends too (progress output), empty lines are left out. A line
 * that is longer than allowed arrives in pieces of about that length, so that memory stays bounded.
 *
 * @example stream.on("data", lineSplitter((line) => console.log(line)))
 */
export function lineSplitter(
  onLine: (line: string) => void,
  maxBytes = MAX_REPORT_LINE_BYTES,
): (chunk: Buffer) => void {
  let pending: Buffer[] = [];
  let length = 0;
  const flush = () => {
    const line = Buffer.concat(pending).toString("utf8");
    pending = [];
    length = 0;
    if (line !== "") onLine(line);
  };
  return (chunk) => {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte !== 0x0a && byte !== 0x0d) continue;
      pending.push(chunk.subarray(start, i));
      start = i + 1;
      flush();
    }
    if (start === chunk.length) return;
    pending.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > maxBytes) flush();
  };
}
