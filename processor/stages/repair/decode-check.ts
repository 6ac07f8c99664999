import type { RunContext } from "../../dependencies.ts";
import { SourceFault } from "../../fault.ts";
import { runFfmpeg } from "../../tools/ffmpeg.ts";
import { mediaFile } from "../../tools/tool-input.ts";

/** Decodes a file that was made from a damaged source, to judge its quality. */

export interface DecodeFacts {
  /** Frames of video, and blocks of audio, that do not decode or decode with damage. */
  readonly damagedVideo: number;
  readonly damagedAudio: number;
  /** Seconds of gaps in a stream; of the stream that has most. */
  readonly missingSeconds: number;
  /** From the first to the last frame of the longest stream. */
  readonly seconds: number;
}

/** A stream that is silent for longer than this has a gap; shorter pauses occur between the frames of any film. */
const SMALLEST_GAP_SECONDS = 0.5;
/** With more of it damaged or missing, a person would call the file broken. */
const MAX_SHARE = 0.25;
/** Packets and frames that a tool reports as damaged, each counted once. */
const DAMAGE =
  /corrupt input packet|corrupt decoded frame|error while decoding stream|error submitting packet/i;
/** The message of a decoder that continues. */
const CONCEALED = /concealing \d{1,9} DC|input buffer exhausted|invalid nal unit size/i;

const isDamage = (line: string): boolean => DAMAGE.test(line) || CONCEALED.test(line);

/** Counts reports of damage on the error output of a tool. */
export class DamageCount {
  count = 0;

  readonly onLine = (line: string): void => {
    if (isDamage(line)) this.count += 1;
    const repeated = /last message repeated (\d{1,9}) times/i.exec(line)?.[1];
    if (repeated !== undefined && this.#wasDamage) this.count += Number(repeated);
    this.#wasDamage = isDamage(line) || (repeated !== undefined && this.#wasDamage);
  };
  #wasDamage = false;
}

/** When frames of one stream are shown. */
interface Shown {
  frames: number;
  first: number;
  last: number;
  missing: number;
}

/**
 * Decodes a whole file.
 *
 * @param streams how many of each it must have
 * @throws Fault `truncated` when a stream is missing or too much is damaged
 */
export async function checkDecodes(
  context: RunContext,
  path: string,
  streams: { readonly video: number; readonly audio: number },
): Promise<DecodeFacts> {
  const { folder, proxy, tools, signal, cpu, timings } = context;
  const input = await mediaFile(path);
  const decode = async (map: string): Promise<{ readonly shown: Shown[]; readonly damaged: number }> => {
    const shown = new Map<string, Shown>();
    const damage = new DamageCount();
    const timeBases = new Map<string, number>();
    const args = ["-map", map, "-fps_mode", "passthrough", "-f", "framecrc", "pipe:1"];
    await runFfmpeg({
      ...{ inputs: [input], args, purpose: "make", tolerant: true },
      ...{ cwd: folder, proxy, tools, signal, stdout: "pipe" },
      onStderrLine: damage.onLine,
      onStdoutLine: (line) => noteFrame(line, shown, timeBases),
    });
    return { shown: [...shown.values()], damaged: damage.count };
  };
  const nothing = { shown: [], damaged: 0 };
  return cpu.hold(signal, timings.cpuWait, async () => {
    const video = streams.video === 0 ? nothing : await decode("0:V");
    const audio = streams.audio === 0 ? nothing : await decode("0:a");
    if (video.shown.length < streams.video || audio.shown.length < streams.audio) {
      throw new SourceFault("truncated", "a stream of the result has nothing that decodes");
    }
    const all = [...video.shown, ...audio.shown];
    return {
      damagedVideo: video.damaged,
      damagedAudio: audio.damaged,
      missingSeconds: Math.max(0, ...all.map(({ missing }) => missing)),
      seconds: Math.max(0, ...all.map(({ first, last }) => last - first)),
    };
  });
}

/** Reads a line of the muxer `framecrc`: the time base of a stream, or stream, dts, pts, duration, size and checksum of a frame. */
function noteFrame(line: string, shown: Map<string, Shown>, timeBases: Map<string, number>): void {
  const declared = /^#tb (\d+): (\d+)\/(\d+)$/.exec(line);
  if (declared) {
    const [, stream = "", numerator, denominator] = declared;
    timeBases.set(stream, Number(numerator) / Number(denominator));
    return;
  }
  if (line.startsWith("#")) return;
  const [stream = "", , pts, duration] = line.split(",").map((field) => field.trim());
  const timeBase = timeBases.get(stream);
  if (timeBase === undefined) return;
  const [from, length] = [Number(pts) * timeBase, Number(duration) * timeBase];
  const known = shown.get(stream);
  if (!known) {
    shown.set(stream, { frames: 1, first: from, last: from + length, missing: 0 });
    return;
  }
  known.frames += 1;
  const gap = from - known.last;
  if (gap > SMALLEST_GAP_SECONDS) known.missing += gap;
  known.last = Math.max(known.last, from + length);
}

/** @throws Fault `truncated` when so much is damaged or missing that a person would call the file broken */
export function checkShare(damaged: number, missing: number, seconds: number): void {
  if (damaged + missing <= seconds * MAX_SHARE) return;
  throw new SourceFault("truncated", `${damaged} s are damaged and ${missing} s are missing of ${seconds} s`);
}
