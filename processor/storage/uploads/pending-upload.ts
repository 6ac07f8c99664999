import type { Upload } from "../object-store.ts";

/**
 * An upload that is still being opened. Parts wait for it, so that reading and muxing need not; a failure to open is
 * thrown by whatever waits.
 */
export class PendingUpload implements Upload {
  readonly #opening: Promise<Upload>;
  #opened: Upload | null = null;

  constructor(opening: Promise<Upload>) {
    this.#opening = opening;
    opening.then(
      (upload) => {
        this.#opened = upload;
      },
      () => {},
    );
  }

  /** Empty until the upload is open. */
  get ref(): string {
    return this.#opened?.ref ?? "";
  }

  get retries(): number {
    return this.#opened?.retries ?? 0;
  }

  async putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const upload = await this.#opening;
    await upload.putPart(index, body, signal);
  }

  async complete(): Promise<void> {
    const upload = await this.#opening;
    await upload.complete();
  }

  /** Waits for an upload that is just being opened: otherwise it would be left behind. */
  async abort(): Promise<void> {
    const upload = await this.#opening.catch(() => null);
    await upload?.abort();
  }
}
