import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MissingMedia } from "../../processor/egress/missing-media.ts";
import { Fault, SourceFault } from "../../processor/fault.ts";
import { FrameClock } from "../../processor/media/audio-frames.ts";
import { shiftBehind, shiftTimes, TimeScan } from "../../processor/media/mpegts/rewrite-times.ts";
import { actionsFor, commonShape, type FoundPart } from "../../processor/stages/parts/shape.ts";

/** A packet in which a frame begins. */
function packet(pid: number, shown: number, decoded: number): Buffer {
  const bytes = Buffer.alloc(188, 0xff);
  bytes.set([0x47, 0x40 | (pid >> 8), pid & 0xff, 0x10, 0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10]);
  writeTime(bytes, 13, 3, shown);
  writeTime(bytes, 18, 1, decoded);
  return bytes;
}

function writeTime(bytes: Buffer, at: number, mark: number, time: number): void {
  const units = BigInt(time);
  bytes[at] = (mark << 4) | (Number(units >> 30n) << 1) | 1;
  bytes.writeUInt16BE((Number((units >> 15n) & 0x7fffn) << 1) | 1, at + 1);
  bytes.writeUInt16BE((Number(units & 0x7fffn) << 1) | 1, at + 3);
}

/** Frames of a stream with a delay between decoding and display. */
const streamOf = (pid: number, start: number, frames: number, delay: number) =>
  Array.from({ length: frames }, (_, index) => {
    const shown = start + index * 3600;
    return packet(pid, shown % 2 ** 33, (shown - delay + 2 ** 33) % 2 ** 33);
  });

const scanOf = (packets: readonly Buffer[]) => {
  const scan = new TimeScan();
  scan.add(Buffer.concat(packets));
  return scan.times;
};

describe("concatenated transport streams", () => {
  it("continue without a break, whatever their clocks and delays are", () => {
    const clock = fc.integer({ min: 0, max: 2 ** 33 - 1 });
    const delay = fc.constantFrom(0, 3600, 7200);
    fc.assert(
      fc.property(
        clock,
        clock,
        delay,
        delay,
        fc.integer({ min: 2, max: 30 }),
        (first, second, a, b, frames) => {
          const one = scanOf([...streamOf(256, first, frames, a), ...streamOf(257, first, frames, 0)]);
          const packets = Buffer.concat([
            ...streamOf(256, second, frames, b),
            ...streamOf(257, second, frames, 0),
          ]);
          const shift = shiftBehind(one, scanOf([packets]));
          shiftTimes(packets, shift);
          const all = new TimeScan();
          all.add(Buffer.concat([...streamOf(256, first, frames, a), packets]));
          const [times, before] = [all.times.get(256), one.get(256)];
          // nothing is decoded before what comes before it, and the delays are at most these
          expect(times?.lastShown).toBeGreaterThanOrEqual((before?.lastShown ?? 0) + frames * 3600);
          expect(times?.lastShown).toBeLessThanOrEqual(
            (before?.lastShown ?? 0) + frames * 3600 + 7200 + 3600,
          );
        },
      ),
    );
  });
});

describe("parts of a presentation", () => {
  const part = (seconds: number, width: number, codec = "h264", rate = 48_000): FoundPart => ({
    seconds,
    video: { codec, width, height: 180 },
    audio: { codec: "aac", sampleRate: rate, channels: 2 },
  });

  it("are converted to the shape that most of them have", () => {
    const parts = [part(4, 640), part(5, 320), part(2, 640), part(3, 320, "h264", 44_100)];
    const common = commonShape(parts);
    expect(common).toMatchObject({ video: { width: 320 }, audio: { sampleRate: 48_000 } });
    expect(parts.map((one) => actionsFor(one, common))).toEqual([
      { video: "encode", audio: "copy" },
      { video: "copy", audio: "copy" },
      { video: "encode", audio: "copy" },
      { video: "copy", audio: "encode" },
    ]);
  });

  it("are converted for a transport stream where it cannot hold them", () => {
    const common = commonShape([part(4, 320, "vp9"), part(2, 320)]);
    expect(common.video?.codec).toBe("h264");
    expect(actionsFor(part(4, 320, "vp9"), common).video).toBe("encode");
    expect(actionsFor({ ...part(2, 320), audio: null }, common)).toEqual({ video: "copy", audio: "none" });
  });
});

describe("media that the source does not have", () => {
  const gone = new SourceFault("unavailable", "404");
  const of = (count: number) => {
    const missing = new MissingMedia();
    missing.expect(Array.from({ length: count }, () => ({ seconds: 2 })));
    return missing;
  };

  it("is left out once of a few pieces, and up to a tenth of many", () => {
    expect(of(2).leaveOut("a", 2, gone)).toBe(false);
    const few = of(6);
    expect(["a", "a", "b"].map((name) => few.leaveOut(name, 2, gone))).toEqual([true, true, false]);
    expect(few).toMatchObject({ count: 1, seconds: 2 });
    const many = of(40);
    expect([..."abcde"].map((name) => many.leaveOut(name, 2, gone))).toEqual([true, true, true, true, false]);
  });

  it("does not include what the source refuses or fails to send", () => {
    for (const code of ["forbidden", "network", "rate_limited"] as const)
      expect(of(40).leaveOut("a", 2, Fault.of(code))).toBe(false);
  });

  it("may be declared as gaps, but not most of it", () => {
    const missing = new MissingMedia();
    const pieces = (gaps: number) => Array.from({ length: 4 }, (_, at) => ({ seconds: 2, isGap: at < gaps }));
    missing.expect(pieces(2));
    expect(missing).toMatchObject({ count: 2, seconds: 4 });
    expect(() => missing.expect(pieces(3))).toThrow(expect.objectContaining({ code: "unavailable" }));
  });
});

describe("audio frames", () => {
  /** MPEG 1 layer 3, 128 kbit/s, 48 kHz: 384 bytes and 24 ms. */
  const mp3 = Buffer.alloc(384);
  mp3.set([0xff, 0xfb, 0x94, 0x00]);
  /** AAC, 48 kHz, 100 bytes. */
  const adts = Buffer.alloc(100);
  adts.set([0xff, 0xf1, 0x4c, 0x80, 0x0c, 0x9f, 0xfc]);

  it.each([
    ["MP3", mp3, 1152 / 48_000],
    ["AAC", adts, 1024 / 48_000],
  ])("are counted in whatever pieces they arrive: %s", (_case, frame, seconds) => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 40 }), fc.integer({ min: 1, max: 900 }), (frames, size) => {
        const bytes = Buffer.concat([Buffer.from("ID3 tag"), ...Array.from({ length: frames }, () => frame)]);
        const clock = new FrameClock();
        for (let at = 0; at < bytes.length; at += size) clock.add(bytes.subarray(at, at + size));
        expect(clock.seconds).toBeCloseTo(frames * seconds, 6);
      }),
    );
  });

  it("are not found in anything else", () => {
    const clock = new FrameClock();
    clock.add(Buffer.from("OggS".repeat(100)));
    expect(clock.seconds).toBeNull();
  });
});
