import type { BenchProcessor } from "../servers/bench-processor.ts";
import type { Bench } from "./bench-context.ts";
import { SMALL } from "./media.ts";
import { mediaUrls, type PipelineCase } from "./pipeline-cases.ts";
import { targetOf } from "./target.ts";

/** Pays the costs of a first run before the first measurement. */

/** Delivers one small file with each competitor, which loads the programs from disk, so that no start is measured. */
export async function warmUp({ lines, peer, tools }: Bench, processor: BenchProcessor): Promise<void> {
  for (const line of [lines.http, lines.tls]) {
    if (line === null) continue;
    const url = `${line.origin}/fast/${SMALL}`;
    const storage = targetOf(line.s3, "fast");
    await processor.run(url, storage);
    await peer.deliver(url, storage);
    for (const tool of tools.peers) await tool.deliver(url, storage);
  }
}

/** Reads the media of a case into the system's page cache. */
export async function readBeforehand(
  { lines: { http }, floor }: Bench,
  pipelineCase: PipelineCase,
): Promise<void> {
  const sources = await mediaUrls({ ...pipelineCase, line: "fast" }, http.origin);
  await floor.measure(sources, targetOf(http.s3, "fast"));
}
