import { CHUNK_UNIT_BYTES, sessionPath } from "../../../schema/storage/gdrive/drive-request.ts";
import { DriveFile } from "../../../schema/storage/gdrive/drive-tree.ts";
import { StorageFault } from "../../fault.ts";
import { StorageFailedError } from "../failure.ts";
import type { RetrierRunOptions } from "../retrier.ts";
import type { StorageResponse } from "../transport.ts";
import type { DriveClient } from "./drive-client.ts";

/** The response of a session that was cancelled, or that Drive forgot: after a week, or after a failure of its own. */
const GONE = [404, 410, 499];
const GOES_ON = 308;

/** The state of a session. */
type SessionState =
  | { readonly is: "complete"; readonly file: DriveFile }
  /** Bytes that are stored, counted from the beginning. */
  | { readonly is: "open"; readonly stored: number }
  | { readonly is: "gone" };

/** The bytes of one file that one call sends. */
export interface DriveChunk {
  /** Position of the first byte. */
  readonly start: number;
  readonly chunks: readonly Uint8Array[];
  /** Length of the file; null while it is not known, and this is not the end. */
  readonly total: number | null;
}

/** A resumable upload of Drive: its chunks come in order, and the one that states the length creates the file. */
export class DriveSession {
  readonly #client: DriveClient;
  readonly #url: string;

  constructor(client: DriveClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  /**
   * Sends a chunk. After a failed attempt, the session is asked what it has, so that nothing is sent twice.
   *
   * @returns the file if this was its end, else null
   * @throws Fault `upload_failed` when the session is gone or has lost bytes
   */
  send({ start, chunks, total }: DriveChunk, repeat: RetrierRunOptions): Promise<DriveFile | null> {
    const end = start + lengthOf(chunks);
    return this.#client.retrier.run(async (attempt) => {
      let at = start;
      if (attempt > 1) {
        const state = await this.state(total, repeat.signal);
        if (state.is === "complete") return state.file;
        at = storedWithin(state, start, end);
      }
      while (at < end || total !== null) {
        const state = await this.#put(rangeOf(at, end, total), skip(chunks, at - start), repeat.signal);
        if (state.is === "complete") return state.file;
        const stored = storedWithin(state, start, end);
        if (stored <= at) throw failed("ChunkLost: the storage stored nothing of a chunk", true);
        at = stored;
      }
      return null;
    }, repeat);
  }

  /** The state of the session. @param total length of the file, if known */
  state(total: number | null, signal?: AbortSignal | undefined): Promise<SessionState> {
    return this.#put(`bytes */${total ?? "*"}`, [], signal);
  }

  /**
   * Makes sure that the session can no longer be completed. Google documents this request for the same upload server in
   * Cloud Storage, not for Drive: so the session is asked afterwards whether it is gone.
   */
  async cancel(): Promise<void> {
    const accept = [...GONE, 400];
    const { status } = await this.#client.retrier.run(() =>
      this.#client.exchange({ method: "DELETE", url: this.#url, accept }),
    );
    if (GONE.includes(status)) return;
    const left = await this.#client.retrier.run(() => this.state(null));
    if (left.is === "open") throw new StorageFault("upload_failed", "NotCancelled: an upload is still open");
  }

  async #put(range: string, body: readonly Uint8Array[], signal?: AbortSignal): Promise<SessionState> {
    const response = await this.#client.exchange({
      ...{ method: "PUT", url: this.#url, body, signal },
      headers: { "content-range": range },
      accept: [GOES_ON, ...GONE],
    });
    if (response.status === GOES_ON) return { is: "open", stored: storedOf(response) };
    if (GONE.includes(response.status)) return { is: "gone" };
    return { is: "complete", file: DriveFile.parse(JSON.parse(response.text)) };
  }
}

/** The address of a session that was just begun. */
export function sessionOf({ headers }: StorageResponse): string {
  const path = sessionPath(headers.location ?? "");
  if (path === null) throw failed("NoSession: the storage did not name the upload", false);
  return path;
}

/** The most bytes that may be sent before the end of a file is known. */
export const sendableBytes = (bytes: number): number =>
  Math.max(0, Math.floor((bytes - 1) / CHUNK_UNIT_BYTES) * CHUNK_UNIT_BYTES);

export const lengthOf = (chunks: readonly Uint8Array[]): number =>
  chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);

/** The chunks without their first bytes. */
export function skip(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  return chunks.flatMap((chunk) => {
    const cut = Math.min(left, chunk.byteLength);
    left -= cut;
    return cut === chunk.byteLength ? [] : [chunk.subarray(cut)];
  });
}

/** The first bytes of the chunks. */
export function first(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  return chunks.flatMap((chunk) => {
    const taken = Math.min(left, chunk.byteLength);
    left -= taken;
    return taken === 0 ? [] : [chunk.subarray(0, taken)];
  });
}

function rangeOf(at: number, end: number, total: number | null): string {
  return `bytes ${at === end ? "*" : `${at}-${end - 1}`}/${total ?? "*"}`;
}

function storedWithin(state: SessionState, start: number, end: number): number {
  if (state.is !== "open") throw failed("SessionGone: the storage knows the upload no more (404)", false);
  // what came before was returned to the buffer
  if (state.stored < start || state.stored > end) {
    throw failed("SessionLost: the storage lost bytes that it had stored", false);
  }
  return state.stored;
}

/** @example "bytes=0-262143" is 262144 */
function storedOf({ headers }: StorageResponse): number {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(headers.range ?? "")?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}

const failed = (detail: string, retryable: boolean): StorageFailedError =>
  new StorageFailedError({ code: "upload_failed", detail, retryable });
