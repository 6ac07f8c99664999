import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sniffContainer, sniffImage } from "../../processor/tools/input-format.ts";
import { ToolInput } from "../../processor/tools/tool-input.ts";
import { hostileDocuments } from "../support/hostile-documents.ts";
import { type MediaKind, media } from "../support/media.ts";
import { trackedFiles } from "../support/repository.ts";

const bytes = (...values: number[]) => Buffer.from(values);
const repeat = (count: number, packet: Buffer) => Buffer.concat(Array.from({ length: count }, () => packet));
const packets = (size: number, lead = 0) =>
  repeat(8, Buffer.concat([Buffer.alloc(lead), bytes(0x47), Buffer.alloc(size - lead - 1)]));
/** 128 kbit/s at 44.1 kHz: 417 bytes. */
const mp3 = repeat(4, Buffer.concat([bytes(0xff, 0xfb, 0x90, 0x00), Buffer.alloc(413)]));
const adts = repeat(4, Buffer.concat([bytes(0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc), Buffer.alloc(9)]));
const ac3 = repeat(4, Buffer.concat([bytes(0x0b, 0x77, 0, 0, 0x00, 0x40), Buffer.alloc(122)]));
const eac3 = repeat(4, Buffer.concat([bytes(0x0b, 0x77, 0x00, 0x3f, 0x00, 0x80), Buffer.alloc(122)]));
const id3 = (size: number, rest: Buffer) =>
  Buffer.concat([Buffer.from("ID3\x04\0\0"), bytes(0, 0, size >> 7, size & 127), Buffer.alloc(size), rest]);

describe("sniffContainer", () => {
  it.each<[string, Buffer, string]>([
    ["mp4", Buffer.from("\0\0\0\x18ftypisom"), "mov"],
    ["a media segment", Buffer.from("\0\0\0\x18stypmsdh"), "mov"],
    ["QuickTime without a type", Buffer.from("\0\0\0\x08wide\0\0\0\0mdat"), "mov"],
    ["Matroska", bytes(0x1a, 0x45, 0xdf, 0xa3, 0x93), "matroska"],
    ["MPEG-TS", packets(188), "mpegts"],
    ["MPEG-TS with time codes", packets(192, 4), "mpegts"],
    ["MPEG-TS with error correction", packets(204), "mpegts"],
    ["MPEG-TS from the middle of a packet", packets(188).subarray(100), "mpegts"],
    ["one packet of MPEG-TS", packets(188).subarray(0, 188), "mpegts"],
    ["MPEG-PS", bytes(0, 0, 1, 0xba, 0x44), "mpeg"],
    ["FLV", Buffer.from("FLV\x01\x05"), "flv"],
    ["AVI", Buffer.from("RIFF\0\0\0\0AVI LIST"), "avi"],
    ["WAVE", Buffer.from("RIFF\0\0\0\0WAVEfmt "), "wav"],
    ["large WAVE", Buffer.from("RF64\xff\xff\xff\xffWAVEds64", "latin1"), "wav"],
    ["AIFF", Buffer.from("FORM\0\0\0\0AIFFCOMM"), "aiff"],
    ["Ogg", Buffer.from("OggS\0\x02"), "ogg"],
    ["FLAC", Buffer.from("fLaC\0\0\0\x22"), "flac"],
    ["MP3", mp3, "mp3"],
    ["MP3 behind a tag", id3(200, mp3), "mp3"],
    ["MP3 behind a tag that is larger than what is looked at", id3(16_000, mp3).subarray(0, 2000), "mp3"],
    ["MP3 behind other bytes", Buffer.concat([Buffer.alloc(300), mp3]), "mp3"],
    ["AAC", adts, "aac"],
    ["AAC behind a tag", id3(73, adts), "aac"],
    ["FLAC behind a tag", id3(73, Buffer.from("fLaC")), "flac"],
    ["AC-3", ac3, "ac3"],
    ["E-AC-3", eac3, "eac3"],
  ])("recognises %s", (_name, head, demuxer) => {
    expect(sniffContainer(head)).toBe(demuxer);
  });

  it.each<[MediaKind, string]>([
    ["mp4", "mov"],
    ["mp4-index-last", "mov"],
    ["video-fragments", "mov"],
    ["webm", "matroska"],
    ["mkv-h264-flac", "matroska"],
    ["audio-mp3", "mp3"],
    ["audio-opus", "ogg"],
    ["audio-flac", "flac"],
  ])("recognises what ffmpeg wrote as %s", async (kind, demuxer) => {
    expect(sniffContainer(readFileSync(await media(kind)))).toBe(demuxer);
  });

  it("takes no document that names files for media or an image", () => {
    for (const { name, bytes: document } of hostileDocuments("/work/trap.wav")) {
      expect(sniffContainer(document), name).toBeNull();
      expect(sniffImage(document), name).toBeNull();
    }
  });

  it("takes no text that begins like a playlist or a script for media, whatever follows", () => {
    const beginnings = ["#EXTM3U", "<?xml", "<MPD", "ffconcat version", "v=0", "<svg", "[playlist]", "<smil"];
    const text = fc.string({ unit: "grapheme-ascii", maxLength: 2000 });
    fc.assert(
      fc.property(fc.constantFrom(...beginnings), text, (beginning, rest) => {
        expect(sniffContainer(Buffer.from(beginning + rest))).toBeNull();
      }),
    );
  });

  it("never fails, and returns only what a ToolInput may read", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (array) => {
        const demuxer = sniffContainer(Buffer.from(array));
        if (demuxer !== null) expect(ToolInput.file("/a", demuxer).args).toContain(demuxer);
        sniffImage(Buffer.from(array));
      }),
    );
  });
});

describe("sniffImage", () => {
  it.each<[string, Buffer, string]>([
    ["JPEG", bytes(0xff, 0xd8, 0xff, 0xe0), "jpeg_pipe"],
    ["PNG", Buffer.from("\x89PNG\r\n\x1a\n\0\0", "latin1"), "png_pipe"],
    ["WebP", Buffer.from("RIFF\0\0\0\0WEBPVP8 "), "webp_pipe"],
    ["GIF", Buffer.from("GIF89a\x01\0"), "gif_pipe"],
    ["BMP", Buffer.concat([Buffer.from("BM"), Buffer.alloc(12), bytes(40, 0, 0, 0)]), "bmp_pipe"],
  ])("recognises %s", (_name, head, demuxer) => {
    expect(sniffImage(head)).toBe(demuxer);
  });

  it("rejects text that begins with the letters of a bitmap", () => {
    expect(sniffImage(Buffer.from("BMW 3 series, a picture of it"))).toBeNull();
  });
});

describe("ToolInput", () => {
  it("puts demuxer, formats and protocols directly before the input, and nothing after them counts", () => {
    const line = (input: ToolInput) => input.args.join(" ");
    expect(line(ToolInput.file("/w/-a:b.mp3", "mp3"))).toBe(
      "-protocol_whitelist file -format_whitelist mp3 -f mp3 -i file:/w/-a:b.mp3",
    );
    expect(line(ToolInput.url("http://m.invalid/media", "mov").with("-ss", "3"))).toBe(
      "-ss 3 -enable_drefs 0 -use_absolute_path 0 -protocol_whitelist http,tcp -format_whitelist mov -f mov -i http://m.invalid/media",
    );
    expect(line(ToolInput.hls("http://m.invalid/0.m3u8"))).toContain(
      "-format_whitelist hls,mpegts,mov,aac,mp3,ac3,eac3,webvtt -f hls",
    );
  });

  it("is the only place in the processor that names an input, or decides what a tool may open", () => {
    const sources = trackedFiles().filter((file) => /^processor\/.*\.(ts|py)$/.test(file));
    const having = (pattern: RegExp) => sources.filter((file) => pattern.test(readFileSync(file, "utf8")));
    expect(having(/["']-(protocol_whitelist|format_whitelist|enable_drefs)["']/)).toEqual([
      "processor/tools/tool-input.ts",
    ]);
    // ffmpeg.ts refuses the option where it is among the arguments
    expect(having(/["']-i["']/).sort()).toEqual([
      "processor/tools/ffmpeg.ts",
      "processor/tools/tool-input.ts",
    ]);
    // readiness.ts looks whether the programs are there, and does not run them
    expect(having(/\btools\.(ffmpeg|ffprobe)\.path\b/).sort()).toEqual([
      "processor/readiness.ts",
      "processor/tools/ffmpeg.ts",
      "processor/tools/ffprobe.ts",
    ]);
  });
});
