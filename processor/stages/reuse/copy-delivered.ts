import { containerOf } from "../../../schema/containers.ts";
import { LINK_REF } from "../../../schema/storage/link-ref.ts";
import { stemOf } from "../../../schema/storage/object-key.ts";
import { isArchive } from "../../../schema/storage/object-options.ts";
import type { Delivery } from "../../../schema/wire/callback.ts";
import type { DeliveredFile } from "../../../schema/wire/run.ts";
import type { RunContext } from "../../dependencies.ts";
import { Fault } from "../../fault.ts";
import { StoppedError } from "../../run/stop.ts";
import type { NewObject, ObjectCopy, StoredObject } from "../../storage/object-store.ts";
import { objectName } from "../object-name.ts";
import { beginReported } from "../open-upload.ts";
import { askVersion, isSameVersion } from "./ask-version.ts";

/**
 * Delivers a copy of a file that an earlier job of the account delivered from the same source by the same plan, within the
 * storage: no byte of the source is read. Under the same key the file is taken over as it is.
 *
 * @returns null if it must be fetched after all: the source or the file has changed, or the storage does not copy
 * @throws StoppedError, or the signal's reason
 */
export async function copyDelivered(context: RunContext, file: DeliveredFile): Promise<Delivery | null> {
  const { signal, log, claim } = context;
  const instead = (why: string): null => {
    log("not_copied", { job_id: claim.job_id, attempt: claim.attempt, why });
    return null;
  };
  try {
    if (isTooLarge(context, file.delivery)) return instead("limits");
    if (!(await isFresh(context, file))) return instead("source");
    return (await copyAll(context, file)) ?? instead("file");
  } catch (error) {
    if (signal.aborted || error instanceof StoppedError || !(error instanceof Fault)) throw error;
    return instead(error.detail ?? error.code);
  }
}

/** The limits may have changed since; fetching says which of them it is. */
function isTooLarge({ request }: RunContext, { file_size, duration }: Delivery): boolean {
  const { max_filesize_bytes: bytes, max_duration_seconds: seconds } = request.limits;
  return (bytes !== null && file_size > bytes) || (seconds !== null && (duration ?? 0) > seconds);
}

/** A direct link says itself whether it has changed; for everything else the age of the file decides. */
async function isFresh(
  { client, request, signal }: RunContext,
  { delivery, recent }: DeliveredFile,
): Promise<boolean> {
  const known = delivery.source?.version ?? null;
  if (known === null) return recent;
  const now = await askVersion(client, request.url, signal);
  return now !== null && (isSameVersion(known, now) ?? recent);
}

/** An object that is copied, and what it becomes. */
interface Pair {
  readonly from: string;
  readonly to: NewObject;
}

async function copyAll(context: RunContext, file: DeliveredFile): Promise<Delivery | null> {
  const { store, signal, progress, claim, callback, timings, request } = context;
  const { delivery, job_id } = file;
  const startedAt = performance.now();
  progress.entitle(delivery.title ?? "");
  const key = objectName(request, delivery.source?.name ?? "media");
  const [media, ...extras] = pairsOf(delivery, key, containerOf(request.plan.format).mime);
  const isLink = key === delivery.key;
  if (!isLink && isArchive(request.target.options?.storage_class)) return null;
  const sources = await Promise.all([media, ...extras].map(({ from }) => store.find(from, signal)));
  const [source, ...others] = sources.flatMap((found) => found ?? []);
  if (source?.bytes !== delivery.file_size || others.length < extras.length) return null;

  progress.enter("Uploading");
  const copy = await beginReported(context, key, (begins) =>
    isLink ? Promise.resolve(LINK) : store.openCopy(media.to, source, begins),
  );
  let retries = 0;
  const publish = async () => {
    await copy.transfer(signal);
    if (!(await callback.publishCopy(claim, { copyOf: job_id, sha256: delivery.sha256 }, signal)))
      return false;
    await timings.publishing.during(() => copy.complete());
    retries += copy.retries;
    return true;
  };
  if (!(await ended(copy, publish))) {
    await copy.abort();
    return null;
  }
  for (const [index, { to }] of isLink ? [] : extras.entries()) {
    retries += await copyExtra(context, to, others[index] as StoredObject);
  }
  return {
    ...delivery,
    key,
    subtitles: delivery.subtitles.map((subtitle) => ({
      ...subtitle,
      key: moved(delivery, key, subtitle.key),
    })),
    subtitle_key: delivery.subtitle_key && moved(delivery, key, delivery.subtitle_key),
    thumbnail_key: delivery.thumbnail_key && moved(delivery, key, delivery.thumbnail_key),
    strategy: "copy",
    details: { copied_from: job_id },
    timings: {
      ...{ extract_ms: null, download_ms: null, mux_ms: null },
      upload_ms: Math.round(performance.now() - startedAt),
      ...timings.reported,
    },
    ...{ download_rate: null, upload_rate: null, download_retries: 0, upload_retries: retries },
  };
}

/** The object that is there already. */
const LINK: ObjectCopy = {
  ref: LINK_REF,
  retries: 0,
  transfer: async () => {},
  complete: async () => {},
  abort: async () => {},
};

/** Subtitles and thumbnail follow the media, one after the other: the Worker remembers one upload of a run. */
async function copyExtra(context: RunContext, to: NewObject, source: StoredObject): Promise<number> {
  const { store, signal } = context;
  const copy = await beginReported(context, to.key, (begins) => store.openCopy(to, source, begins));
  await ended(copy, async () => {
    await copy.transfer(signal);
    await copy.complete();
  });
  return copy.retries;
}

/** What fails leaves no unfinished copy behind. */
async function ended<T>(copy: ObjectCopy, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await copy.abort().catch(() => {});
    throw error;
  }
}

function pairsOf(delivery: Delivery, key: string, contentType: string): [Pair, ...Pair[]] {
  const { subtitles, thumbnail_key } = delivery;
  const pair = (from: string, type: string): Pair => ({
    from,
    to: { key: moved(delivery, key, from), contentType: type },
  });
  return [
    { from: delivery.key, to: { key, contentType } },
    ...subtitles.map((subtitle) => pair(subtitle.key, "text/vtt; charset=utf-8")),
    ...(thumbnail_key === null ? [] : [pair(thumbnail_key, "image/jpeg")]),
  ];
}

/** The key of an extra: everything up to the media's last dot is the new one's. */
const moved = (delivery: Delivery, key: string, extra: string): string =>
  `${stemOf(key)}${extra.slice(stemOf(delivery.key).length)}`;
