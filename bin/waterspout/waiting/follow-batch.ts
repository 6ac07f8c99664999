import type { Batch, Client } from "../../../schema/client.ts";
import type { Paint } from "../terminal/paint.ts";
import { createProgressLine, type Progress, type Screen } from "../terminal/progress-line.ts";
import { facts, moment } from "../terminal/text.ts";

/** Shows how many jobs of a batch have ended, until the last one has. */
export async function followBatch(
  api: Client,
  id: string,
  screen: Screen,
  signal: AbortSignal,
): Promise<Batch> {
  const line = createProgressLine(screen);
  try {
    return await api.waitForBatch(id, {
      signal,
      onProgress: ({ data }) => {
        const progress = progressOfBatch(data);
        if (progress) line.show(progress);
      },
    });
  } finally {
    line.end();
  }
}

/** Null for events that are not about the batch as a whole. */
function progressOfBatch(data: Readonly<Record<string, unknown>>): Progress | null {
  const count = (name: string) => Number(data[`${name}_episodes`] ?? Number.NaN);
  const [total, failed, skipped] = [count("total"), count("failed"), count("skipped")];
  const ended = count("completed") + failed + skipped;
  if (Number.isNaN(ended / total)) return null;
  const bad = failed + skipped;
  return {
    label: data.status === "listing" ? "Batch, list being read" : "Batch",
    percent: (ended / total) * 100,
    note: `${ended} of ${total}${bad === 0 ? "" : `, ${bad} not delivered`}`,
  };
}

export const batchText = (batch: Batch, paint?: Paint): string =>
  facts(
    [
      ["id", batch.id],
      ["source", batch.show_url],
      ["status", batch.status],
      ...(batch.list_error === null ? [] : ([["list", batch.list_error]] as const)),
      ["folder", batch.folder],
      ["jobs", batch.total_episodes],
      ["completed", batch.completed_episodes],
      ["failed", batch.failed_episodes],
      ["skipped", batch.skipped_episodes],
      ["running", batch.processing_episodes],
      ["pending", batch.pending_episodes],
      ["created", moment(batch.created_at)],
      ["finished", moment(batch.finished_at)],
    ],
    paint,
  );
