/** One fact a line, the names aligned; facts without a value are left out. */
export function facts(rows: readonly (readonly [string, string | number | null | undefined])[]): string {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known.map(([name, value]) => `  ${name.padEnd(width)} ${value}`).join("\n");
}

/** Cells in aligned columns. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Epoch milliseconds as people read them, in UTC. @example "2026-11-23 10:00:00" */
export const moment = (time: number | null): string =>
  time === null ? "" : new Date(time).toISOString().slice(0, 19).replace("T", " ");

/** @example size(14_200_000) // "14.20 MB (14200000 bytes)" */
export const size = (bytes: number | null): string | null =>
  bytes === null ? null : `${(bytes / 1e6).toFixed(2)} MB (${bytes} bytes)`;
