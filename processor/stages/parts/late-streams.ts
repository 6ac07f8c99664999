import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { MediaPlan } from "../../../schema/media.ts";
import type { RunContext } from "../../dependencies.ts";
import { Fault } from "../../fault.ts";
import { withBreaks } from "../../hls/transport-stream.ts";
import { SYNC_BYTE } from "../../media/mpegts/packets.ts";
import { checkSize } from "../result-checks.ts";
import type { Input, Inputs } from "./input.ts";
import { wholeFile } from "./whole-file.ts";

/**
 * HLS whose video or audio begins in a later segment. A tool looks for streams in the first segment only and would
 * deliver the rest without them, so that the segments go to one file first, in which it can look further.
 */

/** Whether what the beginning of the inputs shows may not be all that the plan can take. */
export function lacksStream(plan: MediaPlan, inputs: readonly SeenCodecs[]): boolean {
  const hasVideo = inputs.some(({ videoCodec }) => videoCodec !== null);
  const hasAudio = inputs.some(({ audioCodec }) => audioCodec !== null);
  return plan.audio_only ? !hasAudio : !hasAudio || !hasVideo;
}

interface SeenCodecs {
  readonly videoCodec: string | null;
  readonly audioCodec: string | null;
}

/** What a tool reports where a stream that was announced does not begin with the others. */
const LATE_STREAM = /matches no streams|codec parameters|sample rate not set|dimensions not set/i;

export const isAboutLateStream = (error: unknown): boolean =>
  error instanceof Fault && LATE_STREAM.test(error.detail ?? "");

/**
 * The same inputs, with everything in one file.
 *
 * @returns null where no stream can begin late: for anything but the transport streams of a finished presentation
 * @throws Fault of the source; `limit_exceeded`; `processing` where a stream begins too late
 */
export async function withLateStreams(context: RunContext, inputs: Inputs): Promise<Inputs | null> {
  const [input, another] = inputs.all;
  if (!input?.read || another || input.stream.protocol !== "hls" || input.parts.length !== 1) return null;
  const path = join(context.folder, "whole.ts");
  if (!(await spoolTransport(context, input.read(context.signal), path))) return null;
  const tool = await wholeFile(path, context.signal);
  const whole: Input = {
    ...input,
    // what was announced is not what its beginning holds
    stream: { ...input.stream, videoCodec: null, audioCodec: null, codecsKnown: false },
    forTool: async () => tool,
    read: async function* (signal) {
      for await (const chunk of createReadStream(path, { signal })) yield [chunk as Buffer];
    },
    parts: [],
  };
  return { ...inputs, all: [whole] };
}

/** False where it is no transport stream; then nothing but its first bytes was read. */
async function spoolTransport(
  context: RunContext,
  media: AsyncGenerator<Buffer[]>,
  path: string,
): Promise<boolean> {
  let isTransport = true;
  let bytes = 0;
  const checked = async function* () {
    for await (const batch of media) {
      const first = batch.find(({ length }) => length > 0);
      if (bytes === 0 && first && first[0] !== SYNC_BYTE) {
        isTransport = false;
        return;
      }
      bytes += batch.reduce((sum, { length }) => sum + length, 0);
      checkSize(context, bytes);
      yield batch;
    }
  };
  const chunks = async function* () {
    // the writer keeps a chunk longer than its lender does
    for await (const batch of withBreaks(checked())) yield* batch.map((chunk) => Buffer.from(chunk));
  };
  const target = createWriteStream(path);
  await pipeline(Readable.from(chunks(), { objectMode: false }), target, { signal: context.signal });
  return isTransport && bytes > 0;
}
