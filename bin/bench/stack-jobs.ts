import { endpoints } from "../../schema/api/endpoints.ts";
import { type Job, JobList } from "../../schema/api/job.ts";
import type { Stack } from "../stack/stack.ts";

/** How many jobs of the local account have not ended. */
export async function unfinished(stack: Stack): Promise<number> {
  const totals = await Promise.all(
    ["pending", "processing"].map((status) => list(stack, `?limit=1&status=${status}`)),
  );
  return totals.reduce((sum, { total }) => sum + total, 0);
}

/** The newest jobs of the local account. */
export async function newest(stack: Stack, count: number): Promise<Job[]> {
  const found: Job[] = [];
  let cursor = "";
  while (found.length < count) {
    const { jobs, next_cursor } = await list(stack, `?limit=100${cursor}`);
    found.push(...jobs);
    if (next_cursor === null) break;
    cursor = `&cursor=${next_cursor}`;
  }
  return found.slice(0, count);
}

async function list({ url, apiKey }: Stack, query: string) {
  const response = await fetch(url + endpoints.listJobs.path + query, { headers: { "x-api-key": apiKey } });
  return JobList.parse(await response.json());
}

/** In the order of the values: half of them are below the first, all but a hundredth below the second. */
export function percentiles(values: readonly number[]): { p50: number; p99: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
