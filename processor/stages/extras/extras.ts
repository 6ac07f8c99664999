import { setTimeout as pause } from "node:timers/promises";
import type { Adjustment } from "../../../schema/media.ts";
import type { RunContext } from "../../dependencies.ts";
import { Fault } from "../../fault.ts";
import type { Cover } from "../ffmpeg-args.ts";
import type { Source } from "../source.ts";
import { chooseSubtitles, fetchSubtitle, type SubtitleChoice } from "./subtitles.ts";
import { fetchThumbnail } from "./thumbnail.ts";

/**
 * Subtitles and thumbnail of a run, fetched in parallel with the media. Nothing here fails a run: what is missing is
 * reported.
 */
export interface Extras {
  /** The source's image for the file itself; null if there is none in time, or none was requested. */
  cover(): Promise<Cover | null>;
  /** Resolves, and never rejects, when everything is fetched or given up. */
  readonly ready: Promise<FetchedExtras>;
  /** Ends all work; resolves when none is left. */
  close(): Promise<void>;
}

export interface FetchedExtras {
  readonly subtitles: readonly Subtitle[];
  /** Null when it was not requested, or could not be fetched. */
  readonly thumbnail: Cover | null;
  readonly adjustments: readonly Adjustment[];
}

export interface Subtitle {
  /** As requested. */
  readonly language: string;
  /** WebVTT with the times of the whole source. */
  readonly text: string;
}

/** Extras that take longer are given up: the media must not wait for them. */
const FETCH_MS = 30_000;
/** The file itself waits for its cover, so not for long. */
const COVER_MS = 5_000;

/** Starts to fetch what the request asks for. @param wantsCover the file has room for an image */
export function startExtras(outer: RunContext, source: Source, wantsCover: boolean): Extras {
  const { subtitles: asked, thumbnail: asksThumbnail } = outer.request;
  const stop = new AbortController();
  const signal = AbortSignal.any([outer.signal, stop.signal, AbortSignal.timeout(FETCH_MS)]);
  const context: RunContext = { ...outer, signal };

  const image = asksThumbnail || wantsCover ? fetchThumbnail(context, source) : Promise.resolve(null);
  const cover = image.catch(() => null);
  const thumbnail = asksThumbnail ? reportedThumbnail(outer, image) : null;
  const subtitles = (asked?.languages ?? []).map((language, index) =>
    outer.timings.subtitles.during(() => reportedSubtitle(context, source, language, `subtitle.${index}`)),
  );
  const ready = Promise.all([thumbnail, ...subtitles]).then(
    ([ownImage, ...texts]): FetchedExtras => ({
      subtitles: texts.flatMap(({ subtitle }) => subtitle ?? []),
      thumbnail: ownImage?.image ?? null,
      adjustments: [...(ownImage?.adjustments ?? []), ...texts.flatMap(({ adjustments }) => adjustments)],
    }),
  );

  return {
    cover: async () => {
      if (!wantsCover) return null;
      const late = pause(COVER_MS, null, { signal: stop.signal, ref: false }).catch(() => null);
      return await Promise.race([cover, late]);
    },
    ready,
    close: async () => {
      stop.abort(new Error("the run is over"));
      await Promise.all([ready, cover]);
    },
  };
}

/** An extra that is not delivered: reported to the caller, and its cause to the log. */
export function missingExtra(
  { log, claim }: RunContext,
  { field, from, reason }: Pick<Adjustment, "field" | "from" | "reason">,
  cause?: unknown,
): Adjustment {
  if (cause !== undefined) {
    log("extra", {
      job_id: claim.job_id,
      field,
      detail: cause instanceof Fault ? cause.detail : String(cause),
    });
  }
  return { field, from, to: null, reason };
}

async function reportedThumbnail(
  context: RunContext,
  fetched: Promise<Cover | null>,
): Promise<{ image: Cover | null; adjustments: Adjustment[] }> {
  const missing = (reason: string, cause?: unknown) => ({
    image: null,
    adjustments: [missingExtra(context, { field: "download_thumbnail", from: true, reason }, cause)],
  });
  try {
    const image = await fetched;
    return image ? { image, adjustments: [] } : missing("The source has no thumbnail");
  } catch (error) {
    return missing("The source's thumbnail could not be fetched", error);
  }
}

async function reportedSubtitle(
  context: RunContext,
  source: Source,
  language: string,
  name: string,
): Promise<{ subtitle: Subtitle | null; adjustments: Adjustment[] }> {
  const missing = (reason: string, cause?: unknown) => ({
    subtitle: null,
    adjustments: [missingExtra(context, { field: "subtitle_languages", from: language, reason }, cause)],
  });
  const choice = chooseSubtitles(source.info, language);
  if (choice === null) return missing("The source has no subtitles in this language");
  try {
    const text = await fetchFirst(context, source, choice, name);
    return { subtitle: { language, text }, adjustments: reportedVariant(choice) };
  } catch (error) {
    return missing("The source's subtitles could not be fetched", error);
  }
}

/** The first of a choice's tracks that can be fetched. */
async function fetchFirst(
  context: RunContext,
  source: Source,
  { tracks }: SubtitleChoice,
  name: string,
): Promise<string> {
  let failure: unknown;
  for (const [index, track] of tracks.entries()) {
    try {
      return await fetchSubtitle(context, source, track, `${name}.${index}`);
    } catch (error) {
      context.signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

function reportedVariant({ language, tag }: SubtitleChoice): Adjustment[] {
  if (tag.toLowerCase() === language.toLowerCase()) return [];
  const reason = "The closest that the source has to this language";
  return [{ field: "subtitle_languages", from: language, to: tag, reason }];
}
