import { CHUNK_SECONDS } from "../isobmff/media-source.ts";
import type { Sample } from "../isobmff/samples.ts";
import { ByteBuffer } from "./byte-buffer.ts";

/** Enough to be written at once. */
const CHUNK_BYTES = 256 << 10;

/** Samples that are ready to be interleaved, with their bytes. */
export interface BufferedSamples {
  readonly samples: readonly Sample[];
  readonly memory: ByteBuffer;
}

/** Collects the samples of one track until they are enough for a chunk. */
export class SampleBuffer {
  readonly #spare: ByteBuffer[] = [];
  readonly #give: (buffered: BufferedSamples) => void;
  #samples: Sample[] = [];
  #memory = new ByteBuffer(CHUNK_BYTES);

  /** @param give receives what is ready; its memory must be returned with {@link reuse} */
  constructor(give: (buffered: BufferedSamples) => void) {
    this.#give = give;
  }

  /** Where the bytes of the next sample are written. */
  get memory(): ByteBuffer {
    return this.#memory;
  }

  /** The sample whose bytes were written last. */
  add(sample: Sample, timescale: number): void {
    this.#samples.push(sample);
    const since = sample.time - (this.#samples[0]?.time ?? 0);
    if (this.#memory.length >= CHUNK_BYTES || since >= CHUNK_SECONDS * timescale) this.end();
  }

  /** Passes on what there is. */
  end(): void {
    if (this.#samples.length === 0) return;
    this.#give({ samples: this.#samples, memory: this.#memory });
    this.#samples = [];
    this.#memory = this.#spare.pop() ?? new ByteBuffer(CHUNK_BYTES);
  }

  reuse(memory: ByteBuffer): void {
    memory.clear();
    this.#spare.push(memory);
  }
}
