import type { JobErrorCode } from "../../../schema/errors.ts";
import { keyFolder } from "../../../schema/storage/object-key.ts";
import type { RunContext } from "../../dependencies.ts";
import { collectSpan } from "../../egress/source-read.ts";
import { SourceFault, StorageFault } from "../../fault.ts";
import { ObjectReader } from "../../storage/object-reader.ts";
import type { ObjectStore } from "../../storage/object-store.ts";

/**
 * The journal of a recording: each segment is stored as a separate object as soon as it was on air, so that a run that
 * dies loses nothing of it. Objects are numbered within the run that wrote them, and each begins with a header of fixed
 * length: the next run finds all of them without a list.
 */

/** What a piece of a journal is. */
export type PieceFacts =
  /** The source, as JSON; the first piece of a run. */
  | { readonly kind: "source" }
  /** What a track's segments need before them. */
  | {
      readonly kind: "map";
      readonly track: number;
      /** Of its bytes; journals of an older version do not have it. */
      readonly sha256?: string;
    }
  | ({ readonly kind: "segment" } & TrackPieceFacts)
  /** Was on air and could not be fetched. */
  | ({ readonly kind: "gap" } & TrackPieceFacts)
  /** The recording is complete. */
  | { readonly kind: "end" };

interface TrackPieceFacts {
  readonly track: number;
  readonly sequence: number;
  readonly seconds: number;
  /** Its clock or its initialisation differs from that of the piece before. */
  readonly begins_anew?: boolean;
}

export type Piece = PieceFacts & { readonly key: string; readonly bytes: number };

/** Size of the header before each piece, in bytes. */
export const HEADER_BYTES = 256;
/** Size limit of a piece that is read into memory: what was known about the source when the recording began. */
const MAX_READ_BYTES = 16 << 20;
/** A piece is found by requesting it: this many are requested at once. */
const LOOK_AHEAD = 16;
const ERASE_AT_ONCE = 8;
/** A recording may be read for as long as a run may take. */
const LINK_SECONDS = 24 * 60 * 60;

export class Journal {
  /** In order; those of former runs first. */
  readonly pieces: Piece[];
  /** Reads links to pieces; everything else uses the run's own network. */
  readonly reader: ObjectReader;
  readonly #context: RunContext;
  readonly #folder: string;
  #count = 0;

  /** @param folder of the job; each run writes into a separate folder below it */
  private constructor(context: RunContext, reader: ObjectReader, folder: string, pieces: Piece[]) {
    this.#context = context;
    this.reader = reader;
    this.#folder = folder;
    this.pieces = pieces;
  }

  /** False if the credentials may not read: nothing that was written there can be read again. */
  static async isPossible({ store, request }: RunContext): Promise<boolean> {
    return (await store.ownLink(request.job_id, LINK_SECONDS)) !== null;
  }

  /** Opens the journal of a job, with everything that former runs wrote. A run that lost its job cannot add to it. */
  static async open(context: RunContext): Promise<Journal> {
    const { request, store, policy, client } = context;
    const { base_folder, folder_prefix } = request.key_prefix;
    const folder =
      request.recording.key ?? `${keyFolder({ base_folder, folder_prefix })}/.recordings/${request.job_id}`;
    const link = await signedLink(store, folder);
    const reader = new ObjectReader({ target: request.target, store, policy, others: client, link });
    // pieces that no run announced are not looked for
    const former =
      request.recording.key === undefined ? [] : Array.from({ length: request.attempt - 1 }, (_, i) => i + 1);
    const found = await Promise.all(
      former.map((attempt) => readRun(context, reader, `${folder}/${attempt}`)),
    );
    return new Journal(context, reader, folder, found.flat());
  }

  /**
   * Reports to the Worker where the pieces will be, before there is one: if no run is left to delete them, the Worker
   * does.
   */
  async announce(): Promise<void> {
    const { callback, claim, signal } = this.#context;
    await callback.recordingStarted(claim, this.#folder, signal);
  }

  /** Writes a piece; pieces have the order of the calls. @throws Fault of the storage */
  async append(facts: PieceFacts, body: readonly Uint8Array[]): Promise<void> {
    const { store, signal, request } = this.#context;
    const key = `${this.#folder}/${request.attempt}/${this.#count++}`;
    const bytes = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const header = Buffer.from(JSON.stringify({ ...facts, bytes }).padEnd(HEADER_BYTES));
    this.pieces.push({ ...facts, key, bytes });
    await store.put({ key, contentType: "application/octet-stream" }, [header, ...body], signal);
  }

  /** A link to a piece; its content begins after the header. */
  link(piece: Piece): Promise<string> {
    return signedLink(this.#context.store, piece.key);
  }

  /** The content of a small piece. */
  async read(piece: Piece): Promise<string> {
    const request = { url: await this.link(piece), headers: {}, signal: this.#context.signal };
    try {
      const body = await collectSpan(this.reader, request, { start: HEADER_BYTES }, MAX_READ_BYTES);
      return Buffer.concat(body).toString("utf8");
    } catch (error) {
      throw asReadFault(error);
    }
  }

  /** Deletes every piece. What cannot be deleted is left to the Worker, or to the storage's own rules. */
  async erase(): Promise<void> {
    const { store, log, claim } = this.#context;
    let failures = 0;
    for (let at = 0; at < this.pieces.length; at += ERASE_AT_ONCE) {
      const some = this.pieces.slice(at, at + ERASE_AT_ONCE);
      const results = await Promise.allSettled(some.map(({ key }) => store.delete(key)));
      failures += results.filter(({ status }) => status === "rejected").length;
    }
    if (failures > 0) log("pieces_left", { job_id: claim.job_id, pieces: failures });
  }
}

/** @throws Fault `upload_refused` if the credentials may only write: a recording is read again at its end */
async function signedLink(store: ObjectStore, key: string): Promise<string> {
  const link = await store.ownLink(key, LINK_SECONDS);
  if (link === null)
    throw new StorageFault("upload_refused", "a recording needs the right to read what it stored");
  return link;
}

/** What one former run wrote, up to the first piece that is missing. */
async function readRun(context: RunContext, reader: ObjectReader, folder: string): Promise<Piece[]> {
  const first = await readHeader(context, reader, `${folder}/0`);
  const pieces = first ? [first] : [];
  // pieces are stored several at a time, so a run that dies may leave later ones without an earlier one
  for (let next = 1, isOver = first === null; !isOver; next += LOOK_AHEAD) {
    const keys = Array.from({ length: LOOK_AHEAD }, (_, i) => `${folder}/${next + i}`);
    const found = await Promise.all(keys.map((key) => readHeader(context, reader, key)));
    const there = found.filter((piece) => piece !== null);
    pieces.push(...there);
    isOver = there.length === 0;
  }
  return pieces;
}

async function readHeader(
  { store, signal }: RunContext,
  reader: ObjectReader,
  key: string,
): Promise<Piece | null> {
  try {
    const request = { url: await signedLink(store, key), headers: {}, signal };
    const header = await collectSpan(reader, request, { start: 0, end: HEADER_BYTES }, HEADER_BYTES);
    return { ...(JSON.parse(Buffer.concat(header).toString("utf8")) as PieceFacts & { bytes: number }), key };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceFault && MISSING.includes(error.code)) return null;
    throw asReadFault(error);
  }
}

/** How a storage answers for a key that does not exist; without permission to list, with a refusal. */
const MISSING: readonly JobErrorCode[] = ["unavailable", "forbidden"];

/**
 * A failure to read what was recorded, attributed to the storage: the reader is the source's client, and its faults
 * would blame the source. What was recorded stays readable later, so all of them may be temporary.
 */
export function asReadFault(error: unknown): unknown {
  if (!(error instanceof SourceFault) || !READ_FAULTS.includes(error.code)) return error;
  const { detail, retryAfterMs } = error;
  return new StorageFault("upload_failed", `reading the recording: ${detail}`, {
    cause: error,
    retryAfterMs,
  });
}

const READ_FAULTS: readonly JobErrorCode[] = [
  "unavailable",
  "forbidden",
  "network",
  "rate_limited",
  "egress_blocked",
];
