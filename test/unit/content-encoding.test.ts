import { Readable } from "node:stream";
import zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compressionsOf, decompressed } from "../../processor/egress/content-encoding.ts";

/** The result for a body that is sent in pieces of a certain size. */
async function read(body: Buffer, header: string, piece = 7): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += piece) pieces.push(body.subarray(at, at + piece));
  const { stages } = await decompressed(Readable.from(pieces, { objectMode: false }), compressionsOf(header));
  const chunks: Buffer[] = [];
  const [first, ...others] = stages;
  const last = others.reduce<Readable>((source, stage) => source.pipe(stage), first);
  for await (const chunk of last) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const CODINGS = {
  gzip: (bytes: Buffer) => zlib.gzipSync(bytes),
  "x-gzip": (bytes: Buffer) => zlib.gzipSync(bytes),
  deflate: (bytes: Buffer) => zlib.deflateSync(bytes),
  br: (bytes: Buffer) => zlib.brotliCompressSync(bytes),
  zstd: (bytes: Buffer) => zlib.zstdCompressSync(bytes),
};

/** Beginnings of fetched bodies, each followed by anything. */
const MEDIA = [
  "#EXTM3U\n#EXT-X-VERSION:3\n",
  "\x00\x00\x00\x18ftypisom",
  "\x00\x00\x00\x18moof",
  "\x1aE\xdf\xa3",
  "OggS",
  "ID3\x04",
  "fLaC",
  '<?xml version="1.0"?><MPD>',
  "WEBVTT\n\n00:00.000 --> 00:01.000\n",
].map((text) => Buffer.from(text, "latin1"));

describe("the names of a Content-Encoding", () => {
  it.each([
    [undefined, []],
    ["", []],
    ["identity", []],
    ["utf-8", []],
    ["aws-chunked", []],
    ["aws-chunked, GZIP", ["gzip"]],
    ["gzip, br", ["br", "gzip"]],
    [" x-gzip ", ["x-gzip"]],
    ["gzip,gzip,gzip,gzip,gzip", ["gzip", "gzip", "gzip"]],
  ])("%s means %j", (header, names) => {
    expect(compressionsOf(header)).toEqual(names);
  });
});

describe("a body that is declared as compressed", () => {
  const codings = fc.constantFrom(...(Object.keys(CODINGS) as (keyof typeof CODINGS)[]));
  // empty brotli is one byte, which may as well be a letter
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 3_000 }).map((array) => Buffer.from(array));
  const media = fc.tuple(fc.constantFrom(...MEDIA), bytes).map((parts) => Buffer.concat(parts));
  const piece = fc.integer({ min: 1, max: 1_000 });

  it("is decompressed when it is, whatever is in it", async () => {
    const property = fc.asyncProperty(codings, bytes, piece, async (coding, body, size) => {
      expect((await read(CODINGS[coding](body), coding, size)).equals(body)).toBe(true);
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it("is left as it is when it is media or text, whatever follows", async () => {
    const property = fc.asyncProperty(codings, media, piece, async (coding, body, size) => {
      expect((await read(body, coding, size)).equals(body)).toBe(true);
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it("may be deflate without a header, or have several codings on top of each other", async () => {
    const body = Buffer.concat([...MEDIA]);
    expect((await read(zlib.deflateRawSync(body), "deflate")).equals(body)).toBe(true);
    expect((await read(zlib.brotliCompressSync(zlib.gzipSync(body)), "gzip, br")).equals(body)).toBe(true);
  });

  it("may be empty", async () => {
    expect(await read(Buffer.alloc(0), "gzip")).toHaveLength(0);
  });
});
