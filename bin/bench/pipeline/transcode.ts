import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  indexBytesFor,
  type MuxJob,
  muxArguments,
  muxToolInputs,
} from "../../../processor/stages/ffmpeg-args.ts";
import { ToolInput } from "../../../processor/tools/tool-input.ts";
import { fitStreams, type MediaRequest, plan } from "../../../schema/media.ts";
import type { Subject } from "../measurement.ts";
import { startBenchProcessor } from "../servers/bench-processor.ts";
import type { Bench } from "./bench-context.ts";
import { ENCODE_FPS, ENCODE_SECONDS, TO_ENCODE } from "./media.ts";
import { targetOf } from "./target.ts";
import { warmUp } from "./warm-up.ts";

const REQUEST: MediaRequest = { video_codec: "h264" };
const { FFMPEG_PATH: ffmpeg = "ffmpeg" } = process.env;

/** A run that re-encodes and uploads, compared with ffmpeg alone with the same arguments and source. */
export async function benchTranscode(bench: Bench): Promise<readonly Subject[]> {
  const { options, log, folder, origin, s3 } = bench;
  const url = `${origin.url}/fast/${TO_ENCODE}`;
  const processor = await startBenchProcessor(folder, bench.origins);
  const ours: number[] = [];
  const peer: number[] = [];
  const peaks: number[] = [];
  try {
    await warmUp(bench, processor);
    for (let run = 1; run <= options.runs; run++) {
      log(`transcode: ${run} of ${options.runs}`);
      const { ms, peakBytes } = await processor.run(url, targetOf(s3.url, "fast"), REQUEST);
      ours.push(ms);
      if (peakBytes !== null) peaks.push(peakBytes);
      const startedAt = performance.now();
      await promisify(execFile)(ffmpeg, bareArguments(url, join(folder, "bare.mp4")));
      peer.push(performance.now() - startedAt);
    }
  } finally {
    await processor.stop();
  }
  return [
    {
      name: "VP9 to H.264, 60 s of 720p; peer: bare ffmpeg to disk",
      samples: { ours, peer },
      targets: [{ against: "peer", atMost: 1.05 }],
      peakBytes: peaks.length > 0 ? Math.max(...peaks) : null,
    },
  ];
}

function bareArguments(address: string, output: string): string[] {
  const planned = plan(REQUEST).plan;
  const [videoCodec, audioCodec] = ["vp9", "aac"];
  const job: MuxJob = {
    inputs: [{ input: ToolInput.url(address, "mov"), videoCodec, audioCodec }],
    plan: planned,
    actions: fitStreams(planned, { video: videoCodec, audio: audioCodec }),
    indexBytes: indexBytesFor(planned.format, ENCODE_SECONDS, ENCODE_FPS),
    ...{ clipSeconds: null, metadataPath: null, cover: null, firstPacketPath: null, output },
  };
  const inputs = muxToolInputs(job).flatMap(({ args }) => args);
  return ["-nostdin", "-v", "error", ...inputs, ...muxArguments(job)];
}
