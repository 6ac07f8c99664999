import { BLOCKS } from "../../blocks.ts";
import { ServiceFault } from "../../fault.ts";
import { Stopwatch } from "../../stopwatch.ts";
import type { PartLimits, Upload } from "../object-store.ts";
import type { BudgetShare } from "./buffer-budget.ts";
import type { Digest } from "./hasher.ts";
import { OrderedHash } from "./ordered-hash.ts";
import { tooLarge } from "./part-size.ts";

export interface PartUploaderOptions {
  /** The upload to fill; the uploader completes or aborts it. */
  readonly upload: Upload;
  readonly limits: PartLimits;
  /** Size in bytes of every part but the last, see `partSizeFor`. */
  readonly partBytes: number;
  /** Parts that may be in memory (being read, hashed or sent) at once. Default 4. */
  readonly partsInFlight?: number;
  /** Memory shared with other runs; the uploader leaves it at the end. */
  readonly share?: BudgetShare;
  /** Receives the bytes as they pass; slots must then be reserved in index order. Null: the caller hashes. */
  readonly digest: Digest | null;
  /** Ends everything; its reason is what `finish` and `reserve` throw. */
  readonly signal: AbortSignal;
  /** Called after each stored part with all bytes stored so far. */
  readonly onProgress?: (storedBytes: number) => void;
  /** Counts the time in which a producer waits for room. */
  readonly waits?: Stopwatch;
  /** Counts the time in which the object is made visible. */
  readonly publishing?: Stopwatch;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export interface FinishOptions {
  /** Asked when all parts are stored and before the object becomes visible; a rejection aborts the upload. */
  readonly beforePublish?: (sha256: string | null) => Promise<void>;
}

export interface UploadResult {
  readonly bytes: number;
  readonly parts: number;
  /** Lower-case hexadecimal; null when the caller hashes. */
  readonly sha256: string | null;
  /** Number of repeated requests. */
  readonly retries: number;
  /** From the first part's start until the object was visible, in milliseconds. */
  readonly uploadMs: number;
}

/** The right to hold one part in memory. Exactly one of the two methods is called. */
export interface PartSlot {
  /**
   * Memory for one part, reused if possible, for producers that have none of their own. When the slot was released, what
   * is still written to it until the event loop has turned harms nobody.
   */
  readonly memory: readonly Buffer[];
  /** Hashes and sends the part; failures surface in `reserve` and `finish`. */
  submit(chunks: readonly Uint8Array[]): void;
  /** Returns the slot unused: the source ended before this part. */
  release(): void;
}

/**
 * Sends parts side by side with bounded memory: a producer reserves a slot, fills it, submits it.
 * The first failure stops everything that is in flight.
 *
 * @example
 * const slot = await uploader.reserve(0);
 * slot.submit(await source.readPart(0, partBytes));
 * const { sha256 } = await uploader.finish();
 */
export class PartUploader {
  readonly partBytes: number;
  /** As the storage demands it, see {@link PartLimits}. */
  readonly inOrder: boolean;
  /** Aborted, with the reason, as soon as anything failed: pass it to whatever feeds this uploader. */
  readonly signal: AbortSignal;
  readonly #options: PartUploaderOptions;
  readonly #stop = new AbortController();
  readonly #hash: OrderedHash | null;
  readonly #window: number;
  readonly #now: () => number;
  readonly #sending = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #reserved = 0;
  #bytes = 0;
  #parts = 0;
  #startedAt: number | null = null;
  #aborting: Promise<void> | null = null;

  constructor(options: PartUploaderOptions) {
    this.#options = options;
    this.partBytes = options.partBytes;
    this.inOrder = options.limits.inOrder;
    this.signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#hash = options.digest && new OrderedHash(options.digest);
    this.#window = options.partsInFlight ?? 4;
    this.#now = options.now ?? (() => performance.now());
    this.signal.addEventListener("abort", this.#wakeAll, { once: true });
  }

  /**
   * Waits for room to hold part `index` (from 0).
   *
   * @throws the first failure, or Fault("limit_exceeded") when the provider does not allow such a part
   */
  async reserve(index: number): Promise<PartSlot> {
    const { limits, partBytes, share, waits = new Stopwatch() } = this.#options;
    this.signal.throwIfAborted();
    if (index >= limits.maxParts) throw this.#fail(tooLarge(partBytes, limits));
    await waits.during(() => this.#untilRoom());
    let memory: Buffer[] | undefined;
    const takeMemory = () => {
      memory ??= BLOCKS.takeRoom(partBytes);
      return memory;
    };
    const release = (give: (blocks: readonly Buffer[]) => void) => {
      this.#reserved--;
      if (memory) give(memory);
      share?.give(partBytes);
      this.#waiting.shift()?.();
    };
    return {
      get memory() {
        return takeMemory();
      },
      release: () => release((blocks) => BLOCKS.giveLater(blocks)),
      submit: (chunks) => this.#submit(index, chunks, () => release((blocks) => BLOCKS.give(blocks))),
    };
  }

  async #untilRoom(): Promise<void> {
    const { share } = this.#options;
    while (this.#reserved >= this.#window) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      this.signal.throwIfAborted();
    }
    this.#reserved++;
    try {
      await share?.take(this.partBytes, this.signal);
    } catch (error) {
      this.#reserved--;
      throw error;
    }
  }

  /**
   * Waits for all parts and makes the object visible. Call it when every slot was submitted or released.
   *
   * @throws the first failure, after the upload was aborted
   */
  async finish({ beforePublish }: FinishOptions = {}): Promise<UploadResult> {
    const { upload, publishing = new Stopwatch() } = this.#options;
    let sha256: string | null = null;
    try {
      await this.#drained();
      this.signal.throwIfAborted();
      if (this.#parts === 0) await this.#putEmptyPart();
      sha256 = (await this.#hash?.digest()) ?? null;
      await beforePublish?.(sha256);
      this.signal.throwIfAborted();
      await publishing.during(() => upload.complete());
    } catch (error) {
      await this.abort(error);
      throw error;
    }
    this.#leave();
    const uploadMs = this.#now() - (this.#startedAt ?? this.#now());
    return { bytes: this.#bytes, parts: this.#parts, sha256, retries: upload.retries, uploadMs };
  }

  /** Stops, waits until nothing is in flight, and drops the upload. Never throws: the reason is what matters. */
  async abort(reason: unknown): Promise<void> {
    this.#fail(reason);
    this.#aborting ??= this.#drop();
    await this.#aborting;
  }

  async #drop(): Promise<void> {
    await this.#drained();
    await this.#options.upload.abort().catch(() => {});
    this.#leave();
  }

  /** Returns all memory. A combined signal lives on while it has a listener, and the listener with it. */
  #leave(): void {
    this.signal.removeEventListener("abort", this.#wakeAll);
    this.#options.share?.leave();
  }

  #submit(index: number, chunks: readonly Uint8Array[], release: () => void): void {
    this.#startedAt ??= this.#now();
    const sending = this.#send(index, chunks)
      .catch((error) => void this.#fail(error))
      .finally(() => {
        this.#sending.delete(sending);
        release();
      });
    this.#sending.add(sending);
  }

  async #send(index: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.signal.throwIfAborted();
    const length = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const stored = this.#options.upload.putPart(index, chunks, this.signal);
    const hashed = this.#hash?.add(index, chunks);
    await stored;
    this.#bytes += length;
    this.#parts++;
    this.#options.onProgress?.(this.#bytes);
    await hashed;
  }

  async #putEmptyPart(): Promise<void> {
    const slot = await this.reserve(0);
    slot.submit([]);
    await this.#drained();
    this.signal.throwIfAborted();
  }

  async #drained(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending);
  }

  /** Keeps the first failure as the reason of the signal. */
  #fail(reason: unknown): unknown {
    if (!this.signal.aborted)
      this.#stop.abort(reason ?? new ServiceFault("internal", "the upload was stopped"));
    return reason;
  }

  readonly #wakeAll = (): void => {
    this.#hash?.abandon();
    for (const resolve of this.#waiting.splice(0)) resolve();
  };
}
