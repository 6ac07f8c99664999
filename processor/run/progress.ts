import type { WorkingStep } from "../../schema/states.ts";

/** What is reported about a run. */
export interface Snapshot {
  readonly step: WorkingStep;
  /** 0-100, never going back. */
  readonly progress: number;
  /** Bytes per second from the source since its first byte. */
  readonly downloadRate: number | null;
  readonly title: string | null;
}

/** Shares of receiving and storing all bytes in a run that only moves bytes. */
const RECEIVED_SHARE = 0.7;
const STORED_SHARE = 1 - RECEIVED_SHARE;
/** Share of reading a source to the disk in a run that makes nothing of it before it is whole. */
const SPOOLED_SHARE = 0.6;
/** Share of writing a result in a run that uploads it meanwhile. */
const WRITTEN_SHARE = 0.97;

const STEP_ORDER: readonly WorkingStep[] = ["Downloading", "Muxing", "Uploading"];

/**
 * The progress of one run. Stages overlap, so the step is the latest one that was entered, and the percentage is
 * that of the whole run. Listeners are informed of each change.
 */
export class Progress {
  #step: WorkingStep = "Downloading";
  #percent = 0;
  #title: string | null = null;
  #received = 0;
  #stored = 0;
  #expected: number | null = null;
  /** Bytes that are read to the disk first, and how many of them were. */
  #toSpool = 0;
  #spooled = 0;
  #startedAt: number | null = null;
  #lastAt: number | null = null;
  readonly #onChange: (stepChanged: boolean) => void;
  readonly #now: () => number;

  constructor(
    onChange: (stepChanged: boolean) => void = () => {},
    now: () => number = () => performance.now(),
  ) {
    this.#onChange = onChange;
    this.#now = now;
  }

  get snapshot(): Snapshot {
    return { step: this.#step, progress: this.#percent, downloadRate: this.#rate(), title: this.#title };
  }

  /** Bytes from the source so far. */
  get received(): number {
    return this.#received;
  }

  /** Milliseconds from the first byte of the source to the last one so far; null before the first. */
  get downloadMs(): number | null {
    return this.#startedAt === null || this.#lastAt === null
      ? null
      : Math.round(this.#lastAt - this.#startedAt);
  }

  entitle(title: string): void {
    this.#title = title;
  }

  enter(step: WorkingStep): void {
    if (STEP_ORDER.indexOf(step) <= STEP_ORDER.indexOf(this.#step)) return;
    this.#step = step;
    this.#onChange(true);
  }

  /** @param fraction of the whole run, 0 to 1; only the outcome reports 1 */
  advance(fraction: number): void {
    const percent = Math.min(99, Math.max(this.#percent, Math.floor(fraction * 100)));
    if (percent === this.#percent) return;
    this.#percent = percent;
    this.#onChange(false);
  }

  /** @param fraction of the result that is written; the rest of the run is the end of its upload */
  write(fraction: number): void {
    this.#advanceRest(fraction * WRITTEN_SHARE);
  }

  /**
   * Announces a file that is read to the disk before anything is made of it.
   *
   * @returns takes how many of its bytes have been read
   */
  spool(total: number): (read: number) => void {
    this.#toSpool += total;
    let before = 0;
    return (read) => {
      this.#spooled += Math.max(0, Math.min(read, total) - before);
      before = Math.max(before, Math.min(read, total));
      if (this.#toSpool > 0) this.advance(SPOOLED_SHARE * (this.#spooled / this.#toSpool));
    };
  }

  /** From now on the percentage follows from the bytes that are received and stored. */
  expect(bytes: number): void {
    this.#expected = bytes;
    this.#weigh();
  }

  /** Counts bytes from the source. */
  receive(bytes: number): void {
    this.#startedAt ??= this.#now();
    this.#lastAt = this.#now();
    this.#received += bytes;
    this.#weigh();
  }

  /** @param bytes all that the storage has so far */
  store(bytes: number): void {
    this.#stored = bytes;
    this.#weigh();
  }

  #weigh(): void {
    if (this.#expected === null || this.#expected === 0) return;
    const received = Math.min(1, this.#received / this.#expected);
    const stored = Math.min(1, this.#stored / this.#expected);
    this.#advanceRest(received * RECEIVED_SHARE + stored * STORED_SHARE);
  }

  /** @param fraction of what follows after the source was read to the disk, if it was */
  #advanceRest(fraction: number): void {
    const behind = this.#toSpool > 0 ? SPOOLED_SHARE : 0;
    this.advance(behind + (1 - behind) * Math.min(1, Math.max(0, fraction)));
  }

  #rate(): number | null {
    const ms = this.downloadMs;
    return ms === null || ms < 1 ? null : Math.round((this.#received / ms) * 1000);
  }
}
