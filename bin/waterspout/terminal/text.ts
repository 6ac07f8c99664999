import { createPaint, type Paint, paintState } from "./paint.ts";

const NO_PAINT = createPaint(false);

/** A text that may come from strangers, such as a title, without what would control a terminal. */
export const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "");

/** One fact per line, the names aligned; facts without a value are left out. */
export function facts(
  rows: readonly (readonly [string, string | number | null | undefined])[],
  paint = NO_PAINT,
): string {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known
    .map(([name, value]) => {
      const text = plain(`${value}`);
      return `  ${paint.dim(name.padEnd(width))} ${STATE_FACTS.has(name) ? paintState(text, paint) : text}`;
    })
    .join("\n");
}

/** Facts whose value begins with a state. */
const STATE_FACTS: ReadonlySet<string> = new Set(["status", "state"]);

/** How a table looks. */
export interface TableLook {
  readonly paint?: Paint;
  /** Characters of a line; the last column is cut to fit. Default: as long as it is. */
  readonly width?: number | undefined;
}

/** Cells in aligned columns, under a head. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { paint = NO_PAINT, width }: TableLook = {},
): string {
  const states = head.flatMap((name, i) => (STATE_FACTS.has(name) ? [i] : []));
  const [first = "", ...others] = columns(
    [head, ...rows].map((row) => row.map(plain)),
    width,
  ).split("\n");
  const widths = columnWidths([head, ...rows]);
  const painted = others.map((line) =>
    states.reduce((text, i) => {
      const start = widths.slice(0, i).reduce((sum, each) => sum + each + GAP.length, 0);
      return text.slice(0, start) + paintState(text.slice(start), paint);
    }, line),
  );
  return [paint.bold(first), ...painted].join("\n");
}

const GAP = "  ";
const columnWidths = (rows: readonly (readonly string[])[]): number[] =>
  (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => plain(row[i] ?? "").length)));

/** Cells in aligned columns. @param width cuts longer lines */
export function columns(rows: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): string {
  const widths = columnWidths(rows);
  return rows
    .map((row) => {
      const line = row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join(GAP)
        .trimEnd();
      return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line;
    })
    .join("\n");
}

/** Epoch milliseconds as people read them, in UTC. @example "2026-11-23 10:00:00" */
export const moment = (time: number | null): string =>
  time === null ? "" : new Date(time).toISOString().slice(0, 19).replace("T", " ");

/** @example size(14_200_000) // "14.20 MB (14200000 bytes)" */
export const size = (bytes: number | null): string | null =>
  bytes === null ? null : `${(bytes / 1e6).toFixed(2)} MB (${bytes} bytes)`;

/** @example counted(2, "job") // "2 jobs" */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : plural}`;
