import type { Denial, Takedown } from "../../../schema/api/operator/denied.ts";
import type { RequestContext } from "../../context.ts";
import type { DenialRow } from "../../db/rights/denial-rows.ts";
import { takedownCountsQuery } from "../../db/rights/takedown-rows.ts";

/** Denials as the operator sees them, with the progress of their takedowns. */
export async function viewDenials(context: RequestContext, rows: readonly DenialRow[]): Promise<Denial[]> {
  const ids = rows.flatMap(({ id, takedown_at }) => (takedown_at === null ? [] : [id]));
  const counts = ids.length === 0 ? [] : await takedownCountsQuery(context.db, ids);
  return rows.map((row) => {
    const { id, kind, value, reason, note, reference, created_at } = row;
    const own = counts.filter(({ denial_id }) => denial_id === id);
    return { id, kind, value, reason, note, reference, created_at, takedown: takedownOf(row, own) };
  });
}

export async function viewTakedown(context: RequestContext, row: DenialRow): Promise<Takedown | null> {
  return (await viewDenials(context, [row]))[0]?.takedown ?? null;
}

type Counts = Awaited<ReturnType<typeof takedownCountsQuery>>;

function takedownOf(
  { takedown_at: requested_at, scanned_at, takedown_finished_at: finished_at }: DenialRow,
  counts: Counts,
): Takedown | null {
  if (requested_at === null) return null;
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const of = (state: Counts[number]["state"]) => counts.find((row) => row.state === state)?.jobs ?? 0;
  return {
    status: finished_at === null ? "running" : "finished",
    ...{ requested_at, scanned_at, finished_at },
    jobs: {
      matched: sum(counts.map(({ jobs }) => jobs)),
      waiting: of("matched"),
      stopped: of("stopped"),
      deleted: of("deleted"),
      without_file: of("without_file"),
      kept: of("kept"),
    },
    objects_deleted: sum(counts.map(({ objects }) => objects)),
  };
}
