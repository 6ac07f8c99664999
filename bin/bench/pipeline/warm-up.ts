import type { BenchProcessor } from "../servers/bench-processor.ts";
import type { Bench } from "./bench-context.ts";
import { SMALL } from "./media.ts";
import { mediaUrls, type PipelineCase } from "./pipeline-cases.ts";
import { targetOf } from "./target.ts";

/** Pays the costs of a first run before the first measurement. */

/** Delivers one small file with each competitor, which loads the programs from disk, so that no start is measured. */
export async function warmUp({ origin, s3, peer }: Bench, processor: BenchProcessor): Promise<void> {
  const url = `${origin.url}/fast/${SMALL}`;
  const storage = targetOf(s3.url, "fast");
  await processor.run(url, storage);
  await peer.deliver(url, storage);
}

/** Reads the media of a case into the system's page cache. */
export async function readBeforehand(
  { origin, s3, floor }: Bench,
  pipelineCase: PipelineCase,
): Promise<void> {
  const sources = await mediaUrls({ ...pipelineCase, line: "fast" }, origin.url);
  await floor.measure(sources, targetOf(s3.url, "fast"));
}
