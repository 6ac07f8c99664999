import { Readable, type Transform } from "node:stream";
import zlib from "node:zlib";

/** How one coding of `Content-Encoding` is undone. */
interface Coding {
  /** Decompresses the beginning of a body; throws where the bytes are not of this coding. */
  readonly attempt: (head: Buffer) => void;
  readonly decoder: () => Transform;
}

/** Enough bytes to know a coding by. */
const HEAD_BYTES = 512;
/** More codings on top of each other are an attack or a mistake. */
const MAX_CODINGS = 3;
/** A trial is about the first bytes only; one that would give more than this has succeeded. */
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

/** What a name may stand for. Every other name (`aws-chunked`, `utf-8`, `identity`, none at all) changes no byte. */
const CODINGS: ReadonlyMap<string, readonly Coding[]> = new Map([
  ["gzip", [GZIP]],
  ["x-gzip", [GZIP]],
  ["deflate", [ZLIB, RAW_DEFLATE, GZIP]],
  ["br", [BROTLI]],
  ["zstd", [ZSTD]],
]);

/** The names of a `Content-Encoding` header that stand for a compression, the last one that was applied first. */
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
 * What undoes the compressions of a body, as stages of a pipeline. The first bytes decide: many object stores serve a
 * file with a header that was never true.
 *
 * @throws what the body fails with before its first bytes arrive
 */
export async function decompressed(body: Readable, compressions: readonly string[]): Promise<ReadableBody> {
  const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const head = await readHead(chunks);
  const rest = Readable.from(continued(head, chunks), { objectMode: false });
  // a generator that waits for the body hears of nothing else
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

/** What brotli and deflate, which have no signature, could be taken for by chance. */
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
  // text of any kind: a compressed body has other bytes among its first sixty-four
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
