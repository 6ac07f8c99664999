import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { ServiceFault } from "../fault.ts";

/** A volume as the system reports it, in bytes. */
export interface Volume {
  readonly total: number;
  readonly free: number;
}

export interface DiskSpaceOptions {
  /** Reads the volume of the work folders. */
  readonly volume: () => Promise<Volume>;
  /** Bytes that a work folder holds now. */
  readonly used: (folder: string) => Promise<number>;
}

/** Kept free for data that is not reserved: indexes, metadata, temporary files of tools. */
const MARGIN_BYTES = 64 << 20;

/**
 * The disk that runs share. A run reserves the bytes that it expects to write before it writes them, so that concurrent
 * runs do not fill the disk together.
 */
export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  /** Bytes by work folder. */
  readonly #reserved = new Map<string, number>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
  }

  /**
   * Reserves bytes of a work folder, in addition to those that it reserved before.
   *
   * @throws ServiceFault `disk_full`; not transient if even the empty volume would be too small
   */
  reserve(folder: string, bytes: number): Promise<void> {
    const reserved = this.#last.then(() => this.#reserve(folder, bytes));
    this.#last = reserved.catch(() => {});
    return reserved;
  }

  /** The folder is gone. */
  release(folder: string): void {
    this.#reserved.delete(folder);
  }

  async #reserve(folder: string, bytes: number): Promise<void> {
    const { total, free } = await this.#options.volume();
    const own = this.#reserved.get(folder) ?? 0;
    if (own + bytes + MARGIN_BYTES > total) {
      const detail = `the run needs ${own + bytes} bytes of a volume of ${total}`;
      throw new ServiceFault("disk_full", detail, { transient: false });
    }
    const outstanding = await this.#outstanding();
    if (bytes + outstanding + MARGIN_BYTES > free) {
      const detail = `the run needs ${bytes} bytes; ${free} are free, ${outstanding} of them reserved`;
      throw new ServiceFault("disk_full", detail);
    }
    this.#reserved.set(folder, own + bytes);
  }

  /** Bytes that are reserved and not written yet. */
  async #outstanding(): Promise<number> {
    const left = [...this.#reserved].map(async ([folder, bytes]) =>
      Math.max(0, bytes - (await this.#options.used(folder))),
    );
    return (await Promise.all(left)).reduce((sum, bytes) => sum + bytes, 0);
  }
}

/** The volume of a folder. */
export async function volumeOf(folder: string): Promise<Volume> {
  const { bsize, blocks, bavail } = await statfs(folder);
  return { total: bsize * blocks, free: bsize * bavail };
}

/** Bytes that the files of a work folder take. */
export async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      (file) => (file.isFile() ? file.blocks * 512 : 0),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
}
