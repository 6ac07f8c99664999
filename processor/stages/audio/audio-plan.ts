import type { AudioAction } from "../../../schema/media.ts";
import type { AudioChoice } from "../source.ts";

/** One audio track of the delivered file after its first. */
export interface ExtraTrack {
  /** Index of the input. */
  readonly input: number;
  /** Index among the audio streams of that input. */
  readonly track: number;
  readonly codec: string | null;
  readonly action: Exclude<AudioAction, "none">;
  readonly language: string | null;
}

/** The audio of the delivered file. */
export interface AudioPlan extends AudioChoice {
  /** Index of the first track among the audio streams of its input. */
  readonly track: number;
  readonly extra: readonly ExtraTrack[];
}
