import { UnsupportedMediaError } from "../isobmff/box-view.ts";
import { UNITY_MATRIX } from "../isobmff/common-boxes.ts";
import { fullBox, uint16, uint32 } from "../isobmff/write-boxes.ts";
import { CLOCK_RATE, type Clock, readElementaryPacket } from "./elementary-packets.ts";
import { type Beginning, checkPause, type ElementaryStream } from "./elementary-stream.ts";
import { avcEntry, readSequenceParameters } from "./h264-parameters.ts";
import { type ParameterSets, PictureReader } from "./h264-pictures.ts";
import type { SampleBuffer } from "./sample-buffer.ts";

/** Pictures of H.264, one in each packet. */
export class VideoStream implements ElementaryStream {
  readonly sampleBuffer: SampleBuffer;
  beginning: Beginning | null = null;
  readonly #clock: Clock;
  readonly #pictures = new PictureReader();
  #last: { readonly decoded: number; readonly duration: number } | null = null;

  constructor(clock: Clock, sampleBuffer: SampleBuffer) {
    this.#clock = clock;
    this.sampleBuffer = sampleBuffer;
  }

  read(unit: Buffer): void {
    const { payload, times } = readElementaryPacket(unit, this.#clock);
    if (!times || times.shown < times.decoded) throw new UnsupportedMediaError("a picture without its time");
    const { memory } = this.sampleBuffer;
    const before = memory.length;
    const { isSync } = this.#pictures.read(payload, memory);
    this.beginning ??= this.#begin(times, isSync);
    const duration = this.#last ? times.decoded - this.#last.decoded : 0;
    if (this.#last && duration <= 0) throw new UnsupportedMediaError("pictures in another order");
    checkPause(duration);
    this.#last = { decoded: times.decoded, duration };
    const sample = {
      ...{ bytes: memory.length - before, isSync },
      ...{ time: times.decoded - this.beginning.decoded, shift: times.shown - times.decoded },
      // the last one lasts as long as the one before; the duration of all others follows from the next one
      duration,
    };
    this.sampleBuffer.add(sample, CLOCK_RATE);
  }

  #begin(times: Pick<Beginning, "shown" | "decoded">, isSync: boolean): Beginning {
    const { sets } = this.#pictures;
    if (!isSync || !sets) throw new UnsupportedMediaError("pictures that need others in front");
    return { ...times, track: describe(sets) };
  }
}

function describe({ pictures, sequence }: ParameterSets): Beginning["track"] {
  const { aspect, height, width } = readSequenceParameters(sequence);
  const shownWidth = Math.round((width * 0x10000 * aspect.width) / aspect.height);
  return {
    ...{ kind: "vide", codec: "h264", entry: "avc1", timescale: CLOCK_RATE },
    description: fullBox("stsd", 0, 0, uint32(1), avcEntry(sequence, pictures)),
    shownAs: Buffer.concat([Buffer.alloc(16), UNITY_MATRIX, uint32(shownWidth >>> 0, height * 0x10000)]),
    information: [fullBox("vmhd", 0, 1, uint16(0, 0, 0, 0))],
  };
}
