/** An assignment of rows to columns. */
export interface Assignment {
  /** For each row its column; -1 for none. */
  readonly columns: readonly number[];
  /** Rows that have a column. */
  readonly matched: number;
  /** Sum of the costs of the matched rows. */
  readonly cost: number;
}

/**
 * Of the assignments that match the most rows, the one with the lowest total cost, found by the Hungarian method.
 *
 * @param costs by row and column; `Infinity` for a pair that is not allowed; all rows have the same length
 * @example leastCostAssignment([[1, 2], [1, 9]]).columns // [1, 0]
 */
export function leastCostAssignment(costs: readonly (readonly number[])[]): Assignment {
  const rows = costs.length;
  const size = Math.max(rows, costs[0]?.length ?? 0);
  const finite = costs.flat().filter(Number.isFinite);
  // so expensive that leaving a matchable row unmatched never pays
  const forbidden = (Math.max(0, ...finite) + 1) * (size + 1);
  const at = (row: number, column: number): number => {
    const cost = costs[row]?.[column] ?? Number.POSITIVE_INFINITY;
    return Number.isFinite(cost) ? cost : forbidden;
  };
  const rowOf = hungarian(size, at);
  const columns = costs.map(() => -1);
  let matched = 0;
  let cost = 0;
  for (const [column, row] of rowOf.entries()) {
    const value = costs[row]?.[column] ?? Number.POSITIVE_INFINITY;
    if (row >= rows || !Number.isFinite(value)) continue;
    columns[row] = column;
    matched++;
    cost += value;
  }
  return { columns, matched, cost };
}

/** The row of each column, by shortest augmenting paths with potentials; O(size³). */
function hungarian(size: number, at: (row: number, column: number) => number): number[] {
  const rowPotential = new Float64Array(size + 1);
  const columnPotential = new Float64Array(size + 1);
  /** By column, counted from 1; 0 is the start of the row that is being placed. */
  const rowOf = new Int32Array(size + 1);
  const before = new Int32Array(size + 1);
  for (let row = 1; row <= size; row++) {
    rowOf[0] = row;
    let column = 0;
    const least = new Float64Array(size + 1).fill(Number.POSITIVE_INFINITY);
    const used = new Uint8Array(size + 1);
    do {
      used[column] = 1;
      const current = rowOf[column] ?? 0;
      let delta = Number.POSITIVE_INFINITY;
      let next = 0;
      for (let other = 1; other <= size; other++) {
        if (used[other]) continue;
        const reduced =
          at(current - 1, other - 1) - (rowPotential[current] ?? 0) - (columnPotential[other] ?? 0);
        if (reduced < (least[other] ?? 0)) {
          least[other] = reduced;
          before[other] = column;
        }
        if ((least[other] ?? 0) < delta) {
          delta = least[other] ?? 0;
          next = other;
        }
      }
      for (let other = 0; other <= size; other++) {
        if (used[other]) {
          const owner = rowOf[other] ?? 0;
          rowPotential[owner] = (rowPotential[owner] ?? 0) + delta;
          columnPotential[other] = (columnPotential[other] ?? 0) - delta;
        } else least[other] = (least[other] ?? 0) - delta;
      }
      column = next;
    } while (rowOf[column] !== 0);
    do {
      const previous = before[column] ?? 0;
      rowOf[column] = rowOf[previous] ?? 0;
      column = previous;
    } while (column !== 0);
  }
  return [...rowOf.subarray(1)].map((row) => row - 1);
}
