import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { bytesIn, DiskSpace, volumeOf } from "./disk-space.ts";

/** Another processor works in the folder. */
export class WorkFolderInUseError extends Error {
  override readonly name = "WorkFolderInUseError";

  constructor(root: string) {
    super(`WORK_DIR ${root} is used by another processor that runs: give each processor a folder of its own`);
  }
}

/** Holds the lock; the system releases it when the process ends, in whatever way. */
const LOCK_FILE = "lock.sqlite";

/** The folders of runs; everything that a run writes to the disk is in its folder. */
export class WorkFolders {
  /** The id of the process that worked here before; null if there was none. */
  readonly formerBoot: string | null;
  readonly #folder: string;
  readonly #lock: DatabaseSync;
  readonly #removals = new Set<Promise<void>>();
  readonly #space: DiskSpace;

  private constructor(root: string, lock: DatabaseSync, formerBoot: string | null) {
    this.#folder = join(root, "runs");
    this.#lock = lock;
    this.formerBoot = formerBoot;
    this.#space = new DiskSpace({ volume: () => volumeOf(root), used: bytesIn });
  }

  /**
   * Takes the folder for this process and empties it: files of a former process are not needed any more. The folder
   * itself stays, because it may be a mount point or be in a folder of another user.
   *
   * @param root of all work
   * @param boot id of this process
   * @throws WorkFolderInUseError while another processor works there
   */
  static async open(root: string, boot: string): Promise<WorkFolders> {
    await mkdir(root, { recursive: true });
    const { lock, formerBoot } = takeLock(root, boot);
    const entries = (await readdir(root)).filter((name) => !name.startsWith(LOCK_FILE));
    // files of other users, such as a volume's lost+found, stay
    await Promise.all(
      entries.map((name) => rm(join(root, name), { recursive: true, force: true }).catch(() => {})),
    );
    return new WorkFolders(root, lock, formerBoot);
  }

  /** Creates a folder that no other user can read, with the given prefix. @returns its path */
  async make(name: string): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    return await mkdtemp(join(this.#folder, `${name}-`));
  }

  /**
   * Reserves disk space for what a run will write into its folder.
   *
   * @param bytes null if unknown
   * @throws ServiceFault `disk_full`
   */
  async reserve(path: string, bytes: number | null | undefined): Promise<void> {
    await this.#space.reserve(path, bytes ?? 0);
  }

  /** Removes a folder in the background, because removing a gigabyte takes a while. */
  remove(path: string): void {
    const removal = rm(path, { recursive: true, force: true })
      .catch(() => {})
      .finally(() => {
        this.#space.release(path);
        this.#removals.delete(removal);
      });
    this.#removals.add(removal);
  }

  /** Resolves when all removals are done. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals);
  }

  /** Releases the folder for another process. */
  close(): void {
    if (this.#lock.isOpen) this.#lock.close();
  }
}

function takeLock(root: string, boot: string): { lock: DatabaseSync; formerBoot: string | null } {
  const lock = new DatabaseSync(join(root, LOCK_FILE));
  try {
    // in this mode the lock of the first transaction is held until the file is closed
    lock.exec("pragma busy_timeout = 0; pragma locking_mode = exclusive; begin exclusive");
    lock.exec("create table if not exists boots (boot text not null)");
    const former = lock.prepare("select boot from boots").get();
    lock.exec("delete from boots");
    lock.prepare("insert into boots (boot) values (?)").run(boot);
    lock.exec("commit");
    return { lock, formerBoot: former ? String(former.boot) : null };
  } catch (error) {
    lock.close();
    const isBusy = error instanceof Error && /locked|busy/i.test(error.message);
    throw isBusy ? new WorkFolderInUseError(root) : error;
  }
}
