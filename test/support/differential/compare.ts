import type { Adjustment } from "../../../schema/media.ts";
import type { Aspect, DifferentialCase } from "./cases.ts";
import type { Worth } from "./measure.ts";
import { SECONDS } from "./recipes.ts";

/** One aspect in which two results differ. */
export interface Difference {
  readonly aspect: Aspect;
  readonly peer: string;
  readonly ours: string;
  /** Null if nothing explains it. */
  readonly reason: string | null;
  readonly isWorse: boolean;
}

export interface Row {
  readonly name: string;
  readonly differences: readonly Difference[];
}

/** Null: there was no file. */
export interface Results {
  readonly peer: Worth | null;
  readonly ours: { readonly worth: Worth; readonly adjustments: readonly Adjustment[] } | null;
  /** How this project's run ended. */
  readonly ended: string;
}

/** Frames that may be missing where encoders round the end. */
const FRAMES_SLACK = 2;
const SECONDS_SLACK = 0.3;

/** Compares this project's result with its peer's. */
export function compare({ explained = {}, name }: DifferentialCase, results: Results): Row {
  const { ended, peer } = results;
  if (peer === null || results.ours === null) {
    if ((peer === null) === (results.ours === null)) return { name, differences: [] };
    const reason = explained.completed ?? null;
    const isWorse = results.ours === null && peer !== null && (peer.frames > 0 || peer.audioTracks > 0);
    const words = { peer: peer === null ? "no file" : "a file", ours: ended };
    return { name, differences: [{ aspect: "completed", ...words, reason, isWorse }] };
  }
  const { worth: ours, adjustments } = results.ours;
  const differences: Difference[] = [];
  const add = (
    aspect: Aspect,
    had: unknown,
    has: unknown,
    isWorse: boolean,
    fields: readonly string[] = [],
  ) => {
    const reported = adjustments.find(({ field }) => fields.includes(field))?.reason;
    const reason = explained[aspect] ?? reported ?? null;
    differences.push({ aspect, peer: String(had), ours: String(has), reason, isWorse });
  };
  if ((peer.video === null) !== (ours.video === null))
    add("video", peer.video, ours.video, ours.video === null);
  const fewer = (aspect: Aspect, had: number, has: number, fields: readonly string[] = []) => {
    if (had !== has) add(aspect, had, has, has < had, fields);
  };
  fewer("audio", peer.audioTracks, ours.audioTracks, ["audio_language"]);
  const lost = peer.languages.filter((language) => !ours.languages.includes(language));
  if (peer.languages.join() !== ours.languages.join()) {
    add("languages", peer.languages, ours.languages, lost.length > 0, ["audio_language"]);
  }
  fewer("subtitles", peer.subtitles, ours.subtitles, ["subtitles"]);
  fewer("chapters", peer.chapters, ours.chapters);
  fewer("cover", Number(peer.hasCover), Number(ours.hasCover), ["cover"]);
  if (peer.artist !== ours.artist) add("artist", peer.artist, ours.artist, peer.artist !== null);
  if (peer.isUpright !== ours.isUpright) add("turned", peer.isUpright, ours.isUpright, true);
  if (Math.abs(peer.frames - ours.frames) > FRAMES_SLACK) {
    add("frames", peer.frames, ours.frames, ours.frames < peer.frames, ["max_fps"]);
  }
  if (peer.backwards !== ours.backwards)
    add("order", peer.backwards, ours.backwards, ours.backwards > peer.backwards);
  const [offPeer, offOurs] = [peer, ours].map(({ seconds }) => Math.abs(seconds - SECONDS)) as [
    number,
    number,
  ];
  if (Math.abs(peer.seconds - ours.seconds) > SECONDS_SLACK) {
    add("seconds", peer.seconds, ours.seconds, offOurs > offPeer + SECONDS_SLACK);
  }
  if ((peer.errors === 0) !== (ours.errors === 0)) {
    add("errors", peer.errors, ours.errors, ours.errors > 0);
  }
  return { name, differences };
}

/** Worse, and nothing explains why. */
export const isWorse = ({ differences }: Row): boolean =>
  differences.some((difference) => difference.isWorse && difference.reason === null);
