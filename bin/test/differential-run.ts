import { readFileSync, rmSync } from "node:fs";
import { inRoot } from "../stack/paths.ts";
import { runVitest } from "./vitest-run.ts";

const REPORT = ".cache/differential.ndjson";

/** A row of the report; the test writes one as soon as a source is done. */
interface Row {
  readonly name: string;
  readonly differences: readonly {
    readonly aspect: string;
    readonly peer: string;
    readonly ours: string;
    readonly reason: string | null;
    readonly isWorse: boolean;
  }[];
}

/**
 * Runs every source of the table, or those whose names contain a text, and prints one line for each.
 *
 * @param args nothing, or a text such as `avi`
 * @returns the exit code: 0 if nothing is worse than its peer without a reason
 */
export async function runDifferential(args: readonly string[]): Promise<number> {
  rmSync(inRoot(REPORT), { force: true });
  const { failed } = await runVitest(["test/processor/differential.test.ts"], {
    DIFFERENTIAL: args.join(" ") || "full",
    DIFFERENTIAL_REPORT: inRoot(REPORT),
  });
  const rows = readRows();
  for (const row of rows) console.log(lineOf(row));
  const differing = rows.filter(({ differences }) => differences.length > 0).length;
  console.log(`${rows.length} sources, ${differing} differ, ${failed} failed`);
  return failed === 0 && rows.length > 0 ? 0 : 1;
}

/** @example lineOf({ name: "flac", differences: [] }) // "same    flac" */
export function lineOf({ differences, name }: Row): string {
  if (differences.length === 0) return `same    ${name}`;
  const worse = differences.filter(({ isWorse }) => isWorse);
  const word =
    worse.length === 0 ? "better" : worse.every(({ reason }) => reason !== null) ? "reason" : "worse";
  const parts = differences.map(
    ({ aspect, ours, peer, reason }) =>
      `${aspect}: ${peer} -> ${ours}${reason === null ? "" : ` (${reason})`}`,
  );
  return `${word.padEnd(8)}${name}; ${parts.join("; ")}`;
}

function readRows(): Row[] {
  try {
    const lines = readFileSync(inRoot(REPORT), "utf8").trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line) as Row).sort((a, b) => a.name.localeCompare(b.name));
  } catch {
    return [];
  }
}
