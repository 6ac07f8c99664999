import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Adjustment } from "../../schema/media.ts";
import { byteLength, MAX_KEY_BYTES } from "../../schema/object-key.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import { Fault } from "../fault.ts";
import type { RunContext } from "../kit.ts";
import type { Cover } from "./ffmpeg-args.ts";
import type { Section } from "./file-metadata.ts";
import { openUpload } from "./open-upload.ts";
import type { Source } from "./source.ts";
import { chooseSubtitles, fetchSubtitle, type SubtitleChoice } from "./subtitles.ts";
import { fetchThumbnail } from "./thumbnail.ts";
import { sectionOfVtt } from "./vtt.ts";

/**
 * Subtitles and thumbnail of a run. They are fetched beside the media, and their uploads begin only when leave to
 * publish was given and the media is published: a run that is cancelled shows nothing of them. One upload is open at
 * a time, each told to the Worker like the media's own, whose name it replaces there: a successor of a killed run
 * aborts the one that was open. Nothing here fails a run; what is missing is told as an adjustment.
 */
export interface Extras {
  /** The source's picture for the file itself; null when there is none or none was needed. */
  cover(): Promise<Cover | null>;
  /** Resolves, and never rejects, when everything is fetched or given up. */
  readonly ready: Promise<unknown>;
  /** Uploads what was fetched, beside the media. @param section what was delivered, in seconds of the source */
  publish(mediaKey: string, section: Section): Promise<PublishedExtras>;
  /** Ends all work; resolves when nothing of it is left. */
  close(): Promise<void>;
}

export interface PublishedExtras {
  readonly subtitles: Delivery["subtitles"];
  readonly thumbnailKey: string | null;
  readonly adjustments: readonly Adjustment[];
}

/** Extras that take longer are given up: the media shall not wait for them. */
const FETCH_MS = 30_000;
/** The file itself waits for its cover, so not for long. */
const COVER_MS = 5_000;

interface Subtitle {
  readonly language: string;
  readonly text: string;
}

/** Begins to fetch. @param wantsCover the container has room for a picture */
export function startExtras(outer: RunContext, source: Source, wantsCover: boolean): Extras {
  const { subtitles: asked, thumbnail: asksThumbnail } = outer.request;
  const stop = new AbortController();
  const signal = AbortSignal.any([outer.signal, stop.signal, AbortSignal.timeout(FETCH_MS)]);
  const context: RunContext = { ...outer, signal };
  const adjustments: Adjustment[] = [];
  const giveUp = (field: string, from: string | true, reason: string, error?: unknown) => {
    adjustments.push({ field, from, to: null, reason });
    if (error === undefined) return;
    const { detail = String(error) } = error instanceof Fault ? error : {};
    outer.log("extra", { job_id: outer.claim.job_id, field, detail });
  };

  const thumbnail =
    asksThumbnail || wantsCover ? fetchThumbnail(context, source) : Promise.resolve<Cover | null>(null);
  const cover = thumbnail.catch(() => null);
  const toldThumbnail = thumbnail.then(
    (picture) => {
      if (picture === null && asksThumbnail)
        giveUp("download_thumbnail", true, "The source has no thumbnail");
    },
    (error: unknown) => {
      if (asksThumbnail) giveUp("download_thumbnail", true, "The source's thumbnail could not be had", error);
    },
  );
  const subtitles = Promise.all(
    (asked?.languages ?? []).map(async (language, index): Promise<Subtitle[]> => {
      const choice = chooseSubtitles(source.info, language);
      if (choice === null) {
        giveUp("subtitle_languages", language, "The source has no subtitles in this language");
        return [];
      }
      try {
        const text = await fetchFirst(context, source, choice, `subtitle.${index}`);
        adjustments.push(...toldVariant(choice));
        return [{ language, text }];
      } catch (error) {
        giveUp("subtitle_languages", language, "The source's subtitles could not be had", error);
        return [];
      }
    }),
  ).then((found) => found.flat());
  const ready = Promise.all([toldThumbnail, subtitles]);

  return {
    cover: async () => {
      const late = pause(COVER_MS, null, { signal: stop.signal, ref: false }).catch(() => null);
      return wantsCover ? await Promise.race([cover, late]) : null;
    },
    ready,
    publish: async (mediaKey, section) => {
      await ready;
      const stem = mediaKey.replace(/\.[^./]+$/, "");
      const put = async (
        suffix: string,
        contentType: string,
        body: Buffer,
        onFailure: (e: unknown) => void,
      ) => {
        const key = `${stem}.${suffix}`;
        return await putBeside(outer, key, contentType, body).then(
          () => key,
          (error: unknown) => {
            outer.signal.throwIfAborted();
            onFailure(error);
            return null;
          },
        );
      };
      const published: { language: string; key: string }[] = [];
      for (const { language, text } of await subtitles) {
        const body = Buffer.from(sectionOfVtt(text, section.start, section.end));
        const key = await put(`${language}.vtt`, "text/vtt; charset=utf-8", body, (error) =>
          giveUp("subtitle_languages", language, "The subtitles could not be stored", error),
        );
        if (key !== null) published.push({ language, key });
      }
      const picture = asksThumbnail ? await cover : null;
      const thumbnailKey =
        picture &&
        (await put("jpg", "image/jpeg", await readFile(picture.path), (error) =>
          giveUp("download_thumbnail", true, "The thumbnail could not be stored", error),
        ));
      return { subtitles: published, thumbnailKey, adjustments };
    },
    close: async () => {
      stop.abort(new Error("the run is over"));
      await ready;
    },
  };
}

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

function toldVariant({ language, tag }: SubtitleChoice): Adjustment[] {
  if (tag.toLowerCase() === language.toLowerCase()) return [];
  return [
    {
      field: "subtitle_languages",
      from: language,
      to: tag,
      reason: "The closest that the source has to this language",
    },
  ];
}

async function putBeside(context: RunContext, key: string, contentType: string, body: Buffer): Promise<void> {
  if (byteLength(key) > MAX_KEY_BYTES) throw new Fault("upload_refused", "the object key is too long");
  const uploader = await openUpload(context, { key, contentType, expectedBytes: body.length, hash: "none" });
  try {
    const slot = await uploader.reserve(0);
    slot.submit([body]);
  } catch (error) {
    await uploader.abort(error);
    throw error;
  }
  await uploader.finish();
}
