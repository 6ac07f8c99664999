import { isMet, median, ratio, type Subject } from "./measurement.ts";

/** Rows of cells as a Markdown table, its columns aligned for the terminal. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** The table of measured subjects; empty columns are left out. */
export function subjectTable(subjects: readonly Subject[]): string {
  const columns: readonly (readonly [string, (subject: Subject) => string])[] = [
    ["what", ({ name }) => name],
    ["ours", ({ samples }) => duration(samples.ours)],
    ["peer", ({ samples }) => duration(samples.peer)],
    ["ours / peer", (subject) => times(ratio(subject, "peer"))],
    ["floor", ({ samples }) => duration(samples.floor)],
    ["ours / floor", (subject) => times(ratio(subject, "floor"))],
    ["peak memory", ({ peakBytes }) => size(peakBytes, 2 ** 20, "MiB")],
    ["disk written", ({ diskBytes }) => size(diskBytes, 2 ** 20, "MiB")],
    ["target", ({ target }) => (target ? `≤ ${target.atMost.toFixed(2)} × ${target.against}` : "")],
    ["met", (subject) => ({ true: "yes", false: "NO", null: "" })[`${isMet(subject)}`]],
  ];
  const filled = columns.filter(([, cell]) => subjects.some((subject) => cell(subject) !== ""));
  return table(
    filled.map(([title]) => title),
    subjects.map((subject) => filled.map(([, cell]) => cell(subject))),
  );
}

function duration(samples: readonly number[] | undefined): string {
  if (samples === undefined) return "";
  const ms = median(samples);
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

const times = (value: number | null): string => (value === null ? "" : value.toFixed(2));

const size = (bytes: number | null | undefined, unit: number, name: string): string =>
  bytes === null || bytes === undefined ? "" : `${Math.round(bytes / unit)} ${name}`;
