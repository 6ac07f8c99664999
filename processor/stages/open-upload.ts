import { LINK_REF } from "../../schema/storage/link-ref.ts";
import type { RunContext } from "../dependencies.ts";
import type { ObjectStore, Upload } from "../storage/object-store.ts";
import { partSizeFor } from "../storage/uploads/part-size.ts";
import { PartUploader } from "../storage/uploads/part-uploader.ts";
import { PendingUpload } from "../storage/uploads/pending-upload.ts";

export interface UploadPlan {
  readonly key: string;
  readonly contentType: string;
  /** If known. */
  readonly expectedBytes: number | null;
  /** True for parts that come in order; false if the caller hashes, or if no hash is needed. */
  readonly hashes: boolean;
  /** Parts in memory at once; the uploader's own default where absent. */
  readonly partsInFlight?: number;
  /** Parts of these without which the run cannot continue, and whose memory is reserved for it. Default 1. */
  readonly partsReserved?: number;
  /** Called with all bytes stored so far. */
  readonly onProgress?: (storedBytes: number) => void;
}

/** Clocks of storage and service may differ by this much. */
const CLOCK_SKEW_MS = 120_000;
/** How long a stopped run waits for the response to the request that begins its upload, in milliseconds. */
const BEGIN_GRACE_MS = 3_000;

/**
 * Begins the upload of a run's object: what a former run left unfinished is aborted first, and the new upload is
 * reported to the Worker before its first part is sent, so that the next run can do the same. Only the parts wait for
 * that: the source is read meanwhile.
 */
export async function openUpload(context: RunContext, plan: UploadPlan): Promise<PartUploader> {
  const { store, signal, buffers, hasher, timings } = context;
  const partBytes = partSizeFor(plan.expectedBytes ?? undefined, store.limits);
  const { hashes, onProgress, partsInFlight, partsReserved = 1 } = plan;
  const share = await timings.uploadWait.during(() => buffers.join(partsReserved * partBytes, signal));
  const opening = openAndReport(context, plan);
  const uploader = new PartUploader({
    ...{ upload: new PendingUpload(opening), limits: store.limits, partBytes, share, signal },
    ...{ waits: timings.uploadWait, publishing: timings.publishing },
    digest: hashes ? hasher.begin() : null,
    ...(onProgress ? { onProgress } : {}),
    ...(partsInFlight ? { partsInFlight } : {}),
  });
  opening.catch((error: unknown) => uploader.abort(error));
  return uploader;
}

const openAndReport = (context: RunContext, { key, contentType }: UploadPlan): Promise<Upload> =>
  beginReported(context, key, (signal) => context.store.open({ key, contentType }, signal));

/**
 * Begins an upload or a copy that will make an object visible under a key, as {@link openUpload} does: what a former run left is aborted
 * before, and the Worker learns the name of it.
 */
export async function beginReported<T extends Pick<Upload, "ref" | "retries" | "abort">>(
  context: RunContext,
  key: string,
  begin: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, callback, claim } = context;
  await abortPredecessor(context, key);
  const begunAt = Date.now();
  const upload = await withGrace(signal, begin).catch(async (error: unknown) => {
    // it may have begun all the same, under an unknown id
    await abortUnnamed(context, key, begunAt, null);
    throw error;
  });
  if (upload.retries > 0) await abortUnnamed(context, key, begunAt, upload.ref);
  try {
    await callback.uploadStarted(claim, { key, ref: upload.ref }, signal);
    return upload;
  } catch (error) {
    await upload.abort().catch(() => {});
    throw error;
  }
}

/**
 * Lets a request that begins an upload end although the run was stopped, for a few seconds: without its response, the
 * upload has no name by which it could be aborted.
 */
async function withGrace<T>(signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onStop = () => {
    timer = setTimeout(() => late.abort(signal.reason), BEGIN_GRACE_MS);
  };
  signal.addEventListener("abort", onStop, { once: true });
  try {
    return await begin(late.signal);
  } finally {
    signal.removeEventListener("abort", onStop);
    clearTimeout(timer);
  }
}

/** Uploads of this run whose beginning got no response. If the storage cannot list them now, the next run asks. */
async function abortUnnamed(
  { store }: RunContext,
  key: string,
  begunAt: number,
  named: string | null,
): Promise<void> {
  try {
    await abortSince(store, key, begunAt, named);
  } catch {
    // the first failure is what counts
  }
}

async function abortSince(
  store: ObjectStore,
  key: string,
  since: number,
  named: string | null,
): Promise<void> {
  const uploads = await store.listUploads(key);
  const unnamed = uploads.filter(({ ref, startedAt }) => ref !== named && startedAt >= since - CLOCK_SKEW_MS);
  await Promise.all(unnamed.map(({ ref }) => store.abort(key, ref)));
}

/**
 * The upload of a former run that reported it is aborted by its id. A run that died between beginning an upload and
 * reporting it left no id: then every upload of this key since the time of its claim is taken to be its own.
 */
async function abortPredecessor({ request, store }: RunContext, key: string): Promise<void> {
  const predecessor = request.predecessor;
  if (!predecessor) return;
  const { upload } = predecessor;
  if (upload && upload.ref !== LINK_REF) await store.abort(upload.key, upload.ref);
  if (upload?.key === key) return;
  await abortSince(store, key, predecessor.claimed_at, null);
}
