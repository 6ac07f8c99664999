import type { BenchProcessor } from "../servers/bench-processor.ts";
import type { Bench } from "./bench-context.ts";
import { SMALL } from "./media.ts";
import { mediaUrls, type PipelineCase } from "./pipeline-cases.ts";
import { targetOf } from "./target.ts";

/** What the first to run would pay for the others is paid before the first measurement. */

/** One small file by each: programs come from the disk then, and a service is measured, not its start. */
export async function warmUp({ origin, s3, peer }: Bench, processor: BenchProcessor): Promise<void> {
  const url = `${origin.url}/fast/${SMALL}`;
  const storage = targetOf(s3.url, "fast");
  await processor.run(url, storage);
  await peer.deliver(url, storage);
}

/** Brings the media of a case from the disk into the system's memory. */
export async function readBeforehand(
  { origin, s3, floor }: Bench,
  pipelineCase: PipelineCase,
): Promise<void> {
  const sources = await mediaUrls({ ...pipelineCase, line: "fast" }, origin.url);
  await floor.measure(sources, targetOf(s3.url, "fast"));
}
