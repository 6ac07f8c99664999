import { cpuRatio, type Effort, isMet, median, ratio, type Subject, strongest } from "./measurement.ts";

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
    ["strongest", (subject) => strongest(subject)?.name ?? ""],
    ["its time", (subject) => duration(strongest(subject)?.ms)],
    ["ours / strongest", (subject) => times(ratio(subject, "strongest"))],
    ["first stored", ({ firstStored }) => duration(firstStored)],
    ["its first stored", (subject) => duration(strongest(subject)?.firstStored)],
    ["CPU / GiB", ({ cpuSeconds, gib }) => cpuPerGib(cpuSeconds, gib)],
    ["its CPU / GiB", (subject) => cpuPerGib(strongest(subject)?.cpuSeconds, subject.gib)],
    ["CPU ratio", (subject) => times(cpuRatio(subject))],
    ["bare relay", ({ relay }) => duration(relay?.ms)],
    ["its CPU / GiB", ({ gib, relay }) => cpuPerGib(relay?.cpuSeconds, gib)],
    ["floor", ({ samples }) => duration(samples.floor)],
    ["ours / floor", (subject) => times(ratio(subject, "floor"))],
    ["peak memory", ({ peakBytes }) => size(peakBytes, 2 ** 20, "MiB")],
    ["disk written", ({ diskBytes }) => size(diskBytes, 2 ** 20, "MiB")],
    ["target", targetsOf],
    ["met", (subject) => ({ true: "yes", false: "NO", null: "" })[`${isMet(subject)}`]],
  ];
  const filled = columns.filter(([, cell]) => subjects.some((subject) => cell(subject) !== ""));
  return table(
    filled.map(([title]) => title),
    subjects.map((subject) => filled.map(([, cell]) => cell(subject))),
  );
}

function targetsOf({ cpuTarget, targets = [] }: Subject): string {
  const wall = targets.map(({ against, atMost }) => `≤ ${atMost.toFixed(2)} × ${against}`);
  return [...wall, ...(cpuTarget === undefined ? [] : [`CPU ≤ ${cpuTarget.toFixed(2)}`])].join(", ");
}

function cpuPerGib(cpuSeconds: readonly number[] | undefined, gib: number | undefined): string {
  if (gib === undefined || cpuSeconds === undefined || cpuSeconds.length === 0) return "";
  return `${(median(cpuSeconds) / gib).toFixed(2)} s`;
}

function duration(samples: readonly number[] = []): string {
  if (samples.length === 0) return "";
  const ms = median(samples);
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

const times = (value: number | null): string => (value === null ? "" : value.toFixed(2));

const size = (bytes: number | null | undefined, unit: number, name: string): string =>
  bytes === null || bytes === undefined ? "" : `${Math.round(bytes / unit)} ${name}`;

/** All competitors of each subject, quickest first. */
export function competitorTable(subjects: readonly Subject[]): string {
  const rows = subjects.flatMap(({ name, others = [], cpuSeconds = [], firstStored = [], gib, samples }) => {
    const all: Effort[] = [{ name: "ours", ms: samples.ours, cpuSeconds, firstStored }, ...others];
    const sorted = all.sort((one, other) => median(one.ms) - median(other.ms));
    return others.length === 0
      ? []
      : sorted.map((effort) => [
          ...[name, effort.name, duration(effort.ms), duration(effort.firstStored)],
          cpuPerGib(effort.cpuSeconds, gib),
        ]);
  });
  return rows.length === 0 ? "" : table(["what", "by", "time", "first stored", "CPU / GiB"], rows);
}
