import { setNewest } from "../../../schema/set-newest.ts";

/** A storage is asked again after this long: services learn. */
const KEEP_MS = 60 * 60_000;
const MAX_STORAGES = 1_000;

/**
 * Storages that refused an upload with CRC-32, or did not confirm it. Their next uploads come with MD5 from the beginning,
 * so that finding it out does not cost each of them a request. Bounded in time and number.
 */
export class Crc32Refusals {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @param storage its endpoint and bucket */
  has(storage: string): boolean {
    return (this.#until.get(storage) ?? 0) > this.#now();
  }

  add(storage: string): void {
    setNewest(this.#until, storage, this.#now() + KEEP_MS, MAX_STORAGES);
  }
}
