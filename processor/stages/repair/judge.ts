import type { Adjustment } from "../../../schema/media.ts";
import type { RunContext } from "../../dependencies.ts";
import { damagedSeconds, missingSeconds, REPAIRED_TIMES, TRANSCODED_STREAMS } from "../damage.ts";
import { checkDecodes, checkShare, type DamageCount } from "./decode-check.ts";

/** A file that was made from a damaged source. */
export interface Made {
  readonly path: string;
  /** How many of each it must have. */
  readonly streams: { readonly video: number; readonly audio: number };
  /** What the tool reported while it wrote the file. */
  readonly damage: DamageCount;
  readonly fps: number | null;
  /** As announced; null if unknown. */
  readonly announcedSeconds: number | null;
  /** As the file itself states. */
  readonly statedSeconds: number | undefined;
  /** `transcoded`: encoded because a copy would not be a valid file; `encoded`: encoded as planned. */
  readonly how: "copied" | "encoded" | "transcoded";
}

/** Announced durations are rounded: a smaller gap does not count. */
const REPORTED_GAP_SECONDS = 0.5;
const FALLBACK_FPS = 25;
/** Blocks of audio in a second, about. */
const AUDIO_BLOCKS = 45;

const REPAIR = {
  copied: "The streams were taken over with repaired time stamps",
  encoded: "What decodes of them was encoded",
  transcoded: "The damaged streams were transcoded",
} as const;

/**
 * Checks what was made in spite of damage.
 *
 * @returns what the caller must know about it
 * @throws SourceFault `truncated` if a person would call it broken
 */
export async function judgeMade(context: RunContext, made: Made): Promise<Adjustment[]> {
  const { announcedSeconds, damage, fps, how } = made;
  const decoded = await checkDecodes(context, made.path, made.streams);
  const total = Math.max(decoded.seconds, announcedSeconds ?? 0);
  const delivered = made.statedSeconds ?? decoded.seconds;
  // both are counts of what the same damage did; audio and video are hit at the same time
  const shown = Math.max(
    decoded.damagedVideo / (fps ?? FALLBACK_FPS),
    decoded.damagedAudio / AUDIO_BLOCKS,
    damage.count / (made.streams.video > 0 ? (fps ?? FALLBACK_FPS) : AUDIO_BLOCKS),
  );
  const damaged = Math.min(shown, total);
  const short = announcedSeconds === null ? 0 : announcedSeconds - delivered;
  const missing = Math.max(0, decoded.missingSeconds, short);
  checkShare(damaged, missing, total);
  const whole = how === "transcoded" ? TRANSCODED_STREAMS : REPAIRED_TIMES;
  return [
    damaged > 0 ? damagedSeconds(damaged, REPAIR[how]) : whole,
    ...(missing > REPORTED_GAP_SECONDS
      ? [missingSeconds("source", { missing, delivered: total - missing }, "the source is damaged there")]
      : []),
  ];
}
