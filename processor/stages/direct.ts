import { containerOf } from "../../schema/containers.ts";
import type { MediaPlan } from "../../schema/media.ts";
import type { RunContext } from "../dependencies.ts";
import type { RangeSource } from "../egress/range-source.ts";
import type { IndexFacts } from "../media/isobmff/facts.ts";
import { factsOfMp3 } from "../media/mp3-facts.ts";
import type { UploadResult } from "../storage/uploads/part-uploader.ts";
import { uploadRanges } from "../storage/uploads/upload-ranges.ts";
import type { Input } from "./inputs.ts";
import { openUpload } from "./open-upload.ts";
import type { Source } from "./source.ts";

/**
 * The bytes of the source are the bytes of the result: ranges travel through memory and each becomes an upload part.
 */

/** More would take the processor's memory above 300 MiB. */
const PARTS_IN_MEMORY = 10;
/** How many of these may be read at the same time, while others are being stored. */
const PARTS_READ = 6;

const EXTENSIONS: Record<MediaPlan["format"], readonly string[]> = {
  mp4: ["mp4", "m4v"],
  mov: ["mov"],
  mkv: ["mkv"],
  webm: ["webm"],
  m4a: ["m4a"],
  mp3: ["mp3"],
  ogg: ["ogg", "oga"],
  opus: ["opus"],
};

/** True when the source, by what it reports, could be delivered unchanged. */
export function looksDirect(plan: MediaPlan, source: Source): boolean {
  const [stream, second] = source.streams;
  if (second !== undefined || stream.protocol !== "http" || plan.clip !== null) return false;
  const encodes = [plan.crf !== null && plan.video_codec, plan.audio_bitrate !== null && plan.audio_codec];
  if (encodes.some((codec) => codec !== false && codec !== "copy")) return false;
  const sameContainer = EXTENSIONS[plan.format].includes(stream.extension);
  return sameContainer && !(plan.audio_only && stream.videoCodec !== null);
}

/** What the headers of a source say about its delivery. */
export interface DirectHead {
  /** Players can start before it is complete. */
  readonly playsEarly: boolean;
  /** It lacks bytes that its index announces. */
  readonly isTruncated: () => Promise<boolean>;
  /** What its index reports; null when a tool must inspect the file. */
  readonly facts: () => Promise<IndexFacts | null>;
}

/**
 * Reads a few headers to see whether the file may stay unchanged. A file that lacks bytes its index announces may not:
 * what is there is muxed. That shows later, while the file is already being read.
 */
export async function readHead(plan: MediaPlan, input: Input): Promise<DirectHead> {
  const nothing = { isTruncated: async () => false, facts: async () => null };
  if (plan.format === "mp3") return { ...nothing, playsEarly: true, facts: () => mp3Facts(input) };
  if (!containerOf(plan.format).indexFirst) return { playsEarly: true, ...nothing };
  const declared = await input.head();
  if (!declared?.indexFirst) return { playsEarly: false, ...nothing };
  return { playsEarly: true, isTruncated: declared.isTruncated, facts: declared.facts };
}

async function mp3Facts({ ranges }: Input): Promise<IndexFacts | null> {
  const size = ranges?.sizeBytes;
  if (!ranges || size === undefined) return null;
  return await factsOfMp3(size, (start, length) => ranges.readPart(start, start + length));
}

/**
 * Transfers the file.
 *
 * @param verdict settles when the media was probed; a rejection stops the transfer and is thrown, and nothing is
 *   published before it settles
 * @param askLeave asked after that, before the object becomes visible
 */
export async function transferRanges(
  context: RunContext,
  file: RangeSource,
  object: {
    key: string;
    size: number;
    verdict: Promise<unknown>;
    askLeave: (sha256: string | null) => Promise<void>;
  },
): Promise<UploadResult> {
  const { progress, request } = context;
  const { key, size, verdict, askLeave } = object;
  progress.expect(size);
  const uploader = await openUpload(context, {
    key,
    contentType: containerOf(request.plan.format).mime,
    expectedBytes: size,
    hashes: true,
    partsInFlight: PARTS_IN_MEMORY,
    onProgress: (stored) => progress.store(stored),
  });
  verdict.catch((error: unknown) => uploader.abort(error));
  return uploadRanges(uploader, {
    sizeBytes: size,
    readsAtOnce: () => Math.min(file.usefulConnections, PARTS_READ),
    growth: () => file.growth,
    read: async (start, end, signal, memory) => {
      // parts behind the first are stored through connections of their own
      if (start > 0) context.store.connect();
      // more connections than parts share them
      const share = Math.ceil((end - start) / Math.ceil(file.usefulConnections / PARTS_READ));
      const part = { blocks: memory, start };
      const readShare = (from: number) =>
        file.readInto(part, { start: from, end: Math.min(end, from + share) }, signal);
      const shares = Array.from(
        { length: Math.ceil((end - start) / share) },
        (_, index) => start + index * share,
      );
      await Promise.all(shares.map(readShare));
      if (end === size) progress.enter("Uploading");
      return memory;
    },
    beforePublish: async (sha256) => {
      await verdict;
      await askLeave(sha256);
    },
  });
}
