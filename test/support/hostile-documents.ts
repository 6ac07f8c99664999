/** Documents that name other files, as an attacker would send them instead of media. */

/** A way to name this file that some tool understands. */
const NAMES: readonly ((path: string) => string)[] = [
  (path) => `file://${path}`,
  (path) => `file:${path}`,
  (path) => path,
  (path) => `../../../../../../../..${path}`,
  (path) => `/proc/self/cwd/../../../../../../../..${path}`,
  (path) => `concat:${path}`,
  (path) => `subfile,,start,0,end,0,,:${path}`,
  (path) => `cache:file:${path}`,
  (path) => `crypto:file:${path}`,
  (path) => `async:file:${path}`,
  (path) => `hls+file:${path}`,
  () => "data:audio/wav;base64,UklGRg==",
  () => "fd:0",
  () => "pipe:0",
];

const segment = (uri: string) =>
  `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n${uri}\n#EXT-X-ENDLIST\n`;

const DOCUMENTS: Readonly<Record<string, (uri: string) => string>> = {
  "HLS segment": segment,
  "HLS map": (uri) => segment("media.ts").replace("#EXTINF", `#EXT-X-MAP:URI="${uri}"\n#EXTINF`),
  "HLS map without quotes": (uri) => segment("media.ts").replace("#EXTINF", `#EXT-X-MAP:URI=${uri}\n#EXTINF`),
  "HLS key": (uri) =>
    segment("media.ts").replace("#EXTINF", `#EXT-X-KEY:METHOD=AES-128,URI="${uri}",IV=0x01\n#EXTINF`),
  "HLS variant": (uri) => `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${uri}\n`,
  "HLS rendition": (uri) =>
    `#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="${uri}"\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\nv.m3u8\n`,
  "DASH manifest": (uri) =>
    `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S"><Period><AdaptationSet contentType="audio"><Representation id="1" bandwidth="1"><BaseURL>${uri}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
  "concat script": (uri) => `ffconcat version 1.0\nfile '${uri}'\n`,
  "session description": (uri) =>
    `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:${uri}\nm=audio 9 RTP/AVP 0\n`,
  "Real text": (uri) => `${uri}\n`,
  SMIL: (uri) => `<smil><body><video src="${uri}"/></body></smil>`,
  ASX: (uri) => `<asx version="3.0"><entry><ref href="${uri}"/></entry></asx>`,
  SVG: (uri) =>
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9"><image xlink:href="${uri}" width="9" height="9"/></svg>`,
  "M3U list": (uri) => `#EXTM3U\n#EXTINF:3,x\n${uri}\n`,
  ffmetadata: (uri) => `;FFMETADATA1\ntitle=${uri}\n`,
  "AviSynth script": (uri) => `DirectShowSource("${uri}")\n`,
  "VapourSynth script": (uri) => `import vapoursynth\nopen("${uri}")\n`,
  "cue sheet": (uri) => `FILE "${uri}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n`,
  "VobSub index": (uri) => `# VobSub index file, v7 (do not modify this line!)\n${uri}\n`,
};

export interface HostileDocument {
  /** @example "concat script naming file:///…/trap.wav" */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every kind of document with every way to name `path`. */
export function hostileDocuments(path: string): HostileDocument[] {
  return Object.entries(DOCUMENTS).flatMap(([kind, write]) =>
    NAMES.map((name) => ({ name: `${kind} naming ${name(path)}`, bytes: Buffer.from(write(name(path))) })),
  );
}

/** The content of the trap: audio whose samples are this text, so that it can be found in a copy of them. */
export const CANARY = "LOCAL-FILE-CANARY.";

/** A WAVE file of some tenths of a second, with the canary as its audio. */
export function canaryWave(): Buffer {
  const samples = Buffer.from(CANARY.repeat(2000));
  const header = Buffer.alloc(44);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(36 + samples.length, 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(48_000, 24);
  header.writeUInt32LE(96_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}

const box = (type: string, ...content: Buffer[]): Buffer => {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body]);
};
const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => void bytes.writeUInt32BE(value >>> 0, 4 * i));
  return bytes;
};
const MATRIX = words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

/**
 * A QuickTime file whose only track says that its samples are in another file: a `dref` of the kind `alis` with the
 * path, absolute and relative to a movie in a folder next to that file.
 */
export function movieWithReference(path: string): Buffer {
  const samples = 9000;
  const name = Buffer.from(path);
  const alias = (type: number, text: Buffer) => {
    const head = Buffer.alloc(4);
    head.writeInt16BE(type, 0);
    head.writeUInt16BE(text.length, 2);
    return Buffer.concat([head, text, Buffer.alloc(text.length & 1)]);
  };
  const record = Buffer.alloc(150);
  record.writeUInt16BE(2, 6);
  record[10] = 4;
  record.write("Disk", 11, "latin1");
  const fileName = path.split("/").at(-1) ?? "";
  record[50] = fileName.length;
  record.write(fileName, 51, "latin1");
  // one folder up from this movie, then the last part of the path
  record.writeInt16BE(2, 130);
  record.writeInt16BE(1, 132);
  const end = Buffer.from([0xff, 0xff, 0, 0]);
  const alis = box("alis", words(0), record, alias(2, name), alias(18, name), end);
  const entry = box("sowt", words(0, 1, 0, 0), Buffer.from([0, 1, 0, 16, 0, 0, 0, 0, 0xbb, 0x80, 0, 0]));
  const table = box(
    "stbl",
    box("stsd", words(0, 1), entry),
    box("stts", words(0, 1, samples, 1)),
    box("stsc", words(0, 1, 1, samples, 1)),
    box("stsz", words(0, 2, samples)),
    box("stco", words(0, 1, 44)),
  );
  const data = box("dinf", box("dref", words(0, 1), alis));
  const info = box("minf", box("smhd", words(0, 0)), data, table);
  const handler = Buffer.concat([words(0), Buffer.from("mhlrsoun"), words(0, 0, 0), Buffer.from([0])]);
  const mdia = box("mdia", box("mdhd", words(0, 0, 0, 48_000, samples, 0)), box("hdlr", handler), info);
  const tkhd = box("tkhd", words(7, 0, 0, 1, 0, samples, 0, 0, 0, 0x01000000), MATRIX, words(0, 0));
  const mvhd = box(
    "mvhd",
    words(0, 0, 0, 48_000, samples, 0x10000, 0x01000000, 0, 0),
    MATRIX,
    words(0, 0, 0, 0, 0, 0, 2),
  );
  const moov = box("moov", mvhd, box("trak", tkhd, mdia));
  return Buffer.concat([box("ftyp", Buffer.from("qt  "), words(0), Buffer.from("qt  ")), moov]);
}
