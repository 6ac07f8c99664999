import { type BatchSize, measureBatches } from "./batch-sizes.ts";
import { type Fairness, measureFairness } from "./fairness.ts";
import type { BenchOptions } from "./options.ts";
import { table } from "./table.ts";

const SIZES_NAME = "sizes";
const FAIRNESS_NAME = "fairness";
/** Accepting may take this many times as long as listing alone. */
const ACCEPT_AT_MOST = 3;
/** During a flood, others may wait this many times as long as without it. */
const WAIT_AT_MOST = 2;

/** Parts that were not run are null. */
export interface BatchResults {
  readonly sizes: readonly BatchSize[] | null;
  readonly fairness: Fairness | null;
}

/** Batches of growing length, and the effect of one account's flood on others. */
export async function benchBatch(
  { runs, only }: BenchOptions,
  log: (line: string) => void,
): Promise<BatchResults> {
  return {
    fairness: FAIRNESS_NAME.includes(only) ? await measureFairness(log) : null,
    sizes: SIZES_NAME.includes(only) ? await measureBatches(runs, log) : null,
  };
}

export function batchTables({ sizes, fairness }: BatchResults): string {
  return [...(sizes ? [sizesTable(sizes)] : []), ...(fairness ? [fairnessTable(fairness)] : [])].join("\n\n");
}

function sizesTable(sizes: readonly BatchSize[]): string {
  const head = [
    ...["entries", "listing alone", "POST /jobs", "ratio", "met", "D1 calls", "statements", "per entry"],
    ...["start", "D1 calls", "statements", "queue sends", "per entry", "GET /batch"],
  ];
  return table(
    head,
    sizes.map(({ entries, listMs, accept, start, queueSends, readMs }) => {
      const ratio = accept.ms / listMs;
      const met = ratio <= ACCEPT_AT_MOST ? "yes" : "NO";
      return [
        ...[`${entries}`, milliseconds(listMs), milliseconds(accept.ms), ratio.toFixed(2), met],
        ...[`${accept.calls}`, `${accept.statements}`, (accept.statements / entries).toFixed(3)],
        ...[milliseconds(start.ms), `${start.calls}`, `${start.statements}`],
        ...[`${queueSends}`, (queueSends / entries).toFixed(3), milliseconds(readMs)],
      ];
    }),
  );
}

function fairnessTable({ flood, jobs, slots, runMs, aloneMs, duringFloodMs }: Fairness): string {
  const ratio = duringFloodMs / aloneMs;
  return table(
    ["what", "alone", `during a flood of ${flood}`, "ratio", "target", "met"],
    [
      [
        `median wait of 2 accounts with ${jobs} jobs each, ${slots} slots, ${runMs} ms a run`,
        ...[milliseconds(aloneMs), milliseconds(duringFloodMs), ratio.toFixed(2)],
        ...[`≤ ${WAIT_AT_MOST.toFixed(2)}`, ratio <= WAIT_AT_MOST ? "yes" : "NO"],
      ],
    ],
  );
}

const milliseconds = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
