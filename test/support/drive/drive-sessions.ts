import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { DriveFiles, Metadata, StoredFile } from "./drive-files.ts";
import { DriveRefusedError } from "./drive-refusal.ts";

const UNIT = 256 << 10;

interface Session {
  /** The file whose content is replaced; null for a new one. */
  readonly fileId: string | null;
  readonly metadata: Metadata;
  readonly query: URLSearchParams;
  readonly chunks: Buffer[];
  stored: number;
  made: StoredFile | null;
}

/** The response of a session: it continues, or the file is created. */
export type SessionAnswer =
  | { readonly stored: number }
  | { readonly file: StoredFile; readonly query: URLSearchParams };

/** Resumable uploads: ranges without gaps, chunks in units, the end by the length of the file. */
export class DriveSessions {
  readonly #files: DriveFiles;
  readonly #sessions = new Map<string, Session>();
  /** How many bytes of the next chunk are stored, as if the rest were lost. */
  takeNext: number | null = null;
  /** What the file of the next completed session contains instead. */
  damageNext = false;

  constructor(files: DriveFiles) {
    this.#files = files;
  }

  /** Names of the files whose sessions are open. */
  get open(): string[] {
    return [...this.#sessions.values()]
      .filter(({ made }) => made === null)
      .map(({ metadata }) => metadata.name ?? "");
  }

  /** Makes Drive drop all of them, as it does after a week or through a failure of its own. */
  forgetAll(): void {
    this.#sessions.clear();
  }

  /** @returns the session's id */
  begin(fileId: string | null, metadata: Metadata, query: URLSearchParams): string {
    if (fileId === null) this.#files.check(metadata, query, 0);
    else this.#files.update(fileId, {}, query);
    const id = `AE${randomUUID()}`;
    this.#sessions.set(id, { fileId, metadata, query, chunks: [], stored: 0, made: null });
    return id;
  }

  cancel(id: string): void {
    const session = this.#find(id);
    if (session.made === null) this.#sessions.delete(id);
  }

  async put(id: string, req: IncomingMessage): Promise<SessionAnswer> {
    const body = Buffer.concat(await req.toArray());
    const session = this.#find(id);
    const { start, end, total } = rangeOf(req.headers["content-range"] ?? "");
    if (start === null) {
      if (body.length > 0) throw wrongRange("a question has no body");
    } else {
      if (session.made) throw wrongRange("the upload is complete");
      if (body.length !== end - start + 1) throw wrongRange("the body has another length");
      if (start !== session.stored) throw wrongRange(`it has ${session.stored} bytes`);
      if (total === null && body.length % UNIT !== 0) throw wrongRange("not a multiple of 256 KiB");
      this.#take(session, body);
    }
    if (session.made === null && total !== null && session.stored === total) this.#complete(session);
    if (session.made) return { file: session.made, query: session.query };
    return { stored: session.stored };
  }

  #take(session: Session, body: Buffer): void {
    const taken = body.subarray(0, this.takeNext ?? body.length);
    this.takeNext = null;
    session.chunks.push(taken);
    session.stored += taken.length;
  }

  #complete(session: Session): void {
    const { fileId, metadata, query, chunks } = session;
    const content = Buffer.concat(chunks);
    if (this.damageNext) content.fill(0);
    this.damageNext = false;
    session.made =
      fileId === null
        ? this.#files.create(metadata, query, content)
        : this.#files.update(fileId, metadata, query, content);
    session.chunks.length = 0;
  }

  #find(id: string): Session {
    const session = this.#sessions.get(id);
    if (!session) throw new DriveRefusedError(404, "notFound", "Upload session not found.");
    return session;
  }
}

const RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/;

function rangeOf(header: string): { start: number | null; end: number; total: number | null } {
  const match = RANGE.exec(header);
  if (!match) throw wrongRange("no range");
  const [, start, end, total] = match;
  return {
    start: start === undefined ? null : Number(start),
    end: Number(end),
    total: total === "*" ? null : Number(total),
  };
}

const wrongRange = (why: string): DriveRefusedError =>
  new DriveRefusedError(400, "badRequest", `Failed to parse Content-Range header: ${why}.`);
