/**
 * What this isolate remembers of busy processors, so that jobs are not claimed again and again while no slot is
 * free. Only a memory: another isolate may know better, and an ended run clears it.
 */
export class Capacity {
  #busyUntil = 0;

  /** Seconds until asking makes sense; 0 for now. */
  waitSeconds(now: number): number {
    return Math.max(0, Math.ceil((this.#busyUntil - now) / 1000));
  }

  noteBusy(now: number, retryAfterSeconds: number): void {
    this.#busyUntil = now + retryAfterSeconds * 1000;
  }

  /** A slot was freed. */
  clear(): void {
    this.#busyUntil = 0;
  }
}
