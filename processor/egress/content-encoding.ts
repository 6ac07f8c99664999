import { Readable, type Transform } from "node:stream";
import zlib from "node:zlib";

/** How to decode one coding of `Content-Encoding`. */
interface Coding {
  /** Decompresses the beginning of a body; throws if the bytes do not have this coding. */
  readonly attempt: (head: Buffer) => void;
  readonly decoder: () => Transform;
}

/** Enough bytes to recognise a coding. */
const HEAD_BYTES = 512;
/** More nested codings are an attack or a mistake. */
const MAX_CODINGS = 3;
/** A trial only decodes the first bytes; it succeeds when this many come out. */
const TRIAL_BYTES = 64 << 10;

const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, ZSTD_e_flush } = zlib.constants;

const GZIP: Coding = {
  attempt: (head) => {
    if (head[0] !== 0x1f || head[1] !== 0x8b) throw new Error("not gzip");
    zlib.gunzipSync(head, { finishFlush: Z_SYNC_FLUSH, maxOutputLength: TRIAL_BYTES });
  },
  decoder: () => zlib.createGunzip(),
};

const ZLIB: Coding = {
  attempt: (head) => {
    zlib.inflateSync(head, { finishFlush: Z_SYNC_FLUSH, maxOutputLength: TRIAL_BYTES });
  },
  decoder: () => zlib.createInflate(),
};

/** What many servers send as `deflate`, against the standard. */
const RAW_DEFLATE: Coding = {
  attempt: (head) => {
    zlib.inflateRawSync(head, { finishFlush: Z_SYNC_FLUSH, maxOutputLength: TRIAL_BYTES });
  },
  decoder: () => zlib.createInflateRaw(),
};

const BROTLI: Coding = {
  attempt: (head) => {
    zlib.brotliDecompressSync(head, { finishFlush: BROTLI_OPERATION_FLUSH, maxOutputLength: TRIAL_BYTES });
  },
  decoder: () => zlib.createBrotliDecompress(),
};

const ZSTD: Coding = {
  attempt: (head) => {
    if (head.readUInt32LE(0) !== 0xfd2fb528) throw new Error("not zstd");
    zlib.zstdDecompressSync(head, { finishFlush: ZSTD_e_flush, maxOutputLength: TRIAL_BYTES });
  },
  decoder: () => zlib.createZstdDecompress(),
};

/** Possible codings of a name. Any other name (`aws-chunked`, `utf-8`, `identity`, or none) changes no byte. */
const CODINGS: ReadonlyMap<string, readonly Coding[]> = new Map([
  ["gzip", [GZIP]],
  ["x-gzip", [GZIP]],
  ["deflate", [ZLIB, RAW_DEFLATE, GZIP]],
  ["br", [BROTLI]],
  ["zstd", [ZSTD]],
]);

/** The compressions that a `Content-Encoding` header names, the last applied one first. */
export const compressionsOf = (header: string | undefined): readonly string[] =>
  (header ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => CODINGS.has(name))
    .reverse()
    .slice(0, MAX_CODINGS);

/** A body whose header named compressions. */
export interface ReadableBody {
  readonly stages: readonly [Readable, ...Transform[]];
  /** False where its first bytes show that it is not compressed. */
  readonly isCompressed: boolean;
}

/**
 * The decoders of a body, as stages of a pipeline. The first bytes decide, because many object stores serve files with
 * a wrong header.
 *
 * @throws what the body fails with before its first bytes arrive
 */
export async function decompressed(body: Readable, compressions: readonly string[]): Promise<ReadableBody> {
  const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const head = await readHead(chunks);
  const rest = Readable.from(continued(head, chunks), { objectMode: false });
  // a generator that waits for the body is not reached by other events
  rest.once("close", () => body.destroy());
  const [first = "", ...others] = compressions;
  const coding = codingOf(first, head);
  if (!coding) return { stages: [rest], isCompressed: false };
  const inner = others.flatMap((name) => CODINGS.get(name)?.[0] ?? []);
  return { stages: [rest, ...[coding, ...inner].map(({ decoder }) => decoder())], isCompressed: true };
}

function codingOf(name: string, head: Buffer): Coding | undefined {
  if (head.length === 0 || isPlain(head)) return undefined;
  return CODINGS.get(name)?.find(({ attempt }) => succeeds(attempt, head));
}

function succeeds(attempt: (head: Buffer) => void, head: Buffer): boolean {
  try {
    attempt(head);
    return true;
  } catch (error) {
    return error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
  }
}

/** Content that could be mistaken for brotli or deflate, which have no signature. */
const SIGNATURES: readonly (readonly [at: number, text: string])[] = [
  [0, "#EXTM3U"],
  [4, "ftyp"],
  [4, "styp"],
  [4, "moof"],
  [4, "moov"],
  [4, "sidx"],
  [0, "\x1aE\xdf\xa3"],
  [0, "OggS"],
  [0, "ID3"],
  [0, "fLaC"],
  [0, "RIFF"],
  [0, "FLV\x01"],
];
const TS_PACKET_BYTES = 188;

function isPlain(head: Buffer): boolean {
  const text = head.toString("latin1");
  if (SIGNATURES.some(([at, signature]) => text.startsWith(signature, at))) return true;
  if (head[0] === 0x47 && head[TS_PACKET_BYTES] === 0x47) return true;
  // text: the first 64 bytes of a compressed body contain other values
  return /^[\t\n\r\x20-\x7e]{1,64}$/.test(text.slice(0, 64));
}

async function readHead(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  const head: Buffer[] = [];
  for (let length = 0; length < HEAD_BYTES; ) {
    const { done, value } = await chunks.next();
    if (done) break;
    head.push(value);
    length += value.length;
  }
  return Buffer.concat(head);
}

async function* continued(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (;;) {
    const { done, value } = await chunks.next();
    if (done) return;
    yield value;
  }
}
