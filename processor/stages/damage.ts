import type { Adjustment } from "../../schema/media.ts";

/** How a delivered file reports that it is incomplete or damaged. */

/** People need no more than tenths; some damage is never reported as zero. */
export const roundedSeconds = (seconds: number): number => Math.max(0.1, Math.round(seconds * 10) / 10);

/**
 * Reports seconds that are not in the delivered file.
 *
 * @param field the request member it is about, or `source`
 * @param why ends the sentence
 * @example missingSeconds("source", { missing: 2, delivered: 10 }, "they could not be fetched")
 * // { field: "source", from: 12, to: 10, reason: "2 s are missing: they could not be fetched" }
 */
export function missingSeconds(
  field: string,
  { missing, delivered }: { readonly missing: number; readonly delivered: number },
  why: string,
): Adjustment {
  const [lost, to] = [roundedSeconds(missing), Math.round(delivered * 10) / 10];
  const from = Math.round((to + lost) * 10) / 10;
  return { field, from, to, reason: `${lost} s are missing: ${why}` };
}

/** Nothing is damaged or missing, but with unchanged timestamps a copy would not be a valid file. */
export const REPAIRED_TIMES: Adjustment = {
  field: "source",
  from: "time stamps that do not rise",
  to: "repaired",
  reason: "Time stamps of the source overlap or are missing. They were repaired, and nothing was left out",
};

/** Nothing is damaged or missing, but the streams do not fit into a file unchanged. */
export const TRANSCODED_STREAMS: Adjustment = {
  field: "source",
  from: "streams that cannot be copied",
  to: "transcoded",
  reason:
    "Streams of the source could not be copied as they are. They were transcoded, and nothing was left out",
};

/**
 * Reports seconds that are in the delivered file but damaged.
 *
 * @param repair what was done about it, as a sentence
 * @example damagedSeconds(0.1, "The streams were copied with repaired time stamps")
 */
export function damagedSeconds(seconds: number, repair: string): Adjustment {
  const damaged = roundedSeconds(seconds);
  const reason = `About ${damaged} s of the source are damaged. ${repair}`;
  return { field: "source", from: `${damaged} s damaged`, to: "repaired", reason };
}
