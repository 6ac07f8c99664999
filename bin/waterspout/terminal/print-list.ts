import type { Output } from "./output.ts";
import { table } from "./text.ts";

/** Prints the first items of a list: as a table, or as JSON as they come, one per line. */
export async function printList<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  out: Output,
  head: readonly string[],
  row: (item: T) => readonly string[],
): Promise<void> {
  const rows: (readonly string[])[] = [];
  let count = 0;
  for await (const item of items) {
    if (out.json) out.result(item, () => "");
    else rows.push(row(item));
    if (++count >= limit) break;
  }
  if (out.json) return;
  if (count === 0) out.note("There are none.");
  else out.result(null, () => table(head, rows, out));
}
