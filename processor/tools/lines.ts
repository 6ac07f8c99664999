/**
 * Cuts a byte stream into lines, without their line ends. A line may be many megabytes long: chunks are joined once,
 * when its end is there. Carriage returns count as line ends too (progress output), empty lines are left out.
 *
 * @example stream.on("data", lineSplitter((line) => console.log(line)))
 */
export function lineSplitter(onLine: (line: string) => void): (chunk: Buffer) => void {
  let pending: Buffer[] = [];
  return (chunk) => {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte !== 0x0a && byte !== 0x0d) continue;
      pending.push(chunk.subarray(start, i));
      start = i + 1;
      const line = Buffer.concat(pending).toString("utf8");
      pending = [];
      if (line !== "") onLine(line);
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  };
}
