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

/** Holds the lock; the system gives it up with the process, however that ends. */
const LOCK_FILE = "lock.sqlite";

/** The folders of runs, in which everything lies that a run writes to the disk. */
export class WorkFolders {
  /** The id of the process that worked here before; null when nobody did. */
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
   * Takes the folder for this process and empties it: what a former process left belongs to nobody any more. The folder
   * itself stays, since it may be a mount point or lie in a folder of another user.
   *
   * @param root of all work
   * @param boot id of this process
   * @throws WorkFolderInUseError while another processor works there
   */
  static async open(root: string, boot: string): Promise<WorkFolders> {
    await mkdir(root, { recursive: true });
    const { lock, formerBoot } = takeLock(root, boot);
    const entries = (await readdir(root)).filter((name) => !name.startsWith(LOCK_FILE));
    // what belongs to somebody else, such as lost+found of a volume, is none of ours and stays
    await Promise.all(
      entries.map((name) => rm(join(root, name), { recursive: true, force: true }).catch(() => {})),
    );
    return new WorkFolders(root, lock, formerBoot);
  }

  /** Makes a folder that nobody else can read, with a name that begins as given. @returns its path */
  async make(name: string): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    return await mkdtemp(join(this.#folder, `${name}-`));
  }

  /**
   * Reserves room on the disk for what a run is about to write into its folder.
   *
   * @param bytes null: nobody knows
   * @throws ServiceFault `disk_full`
   */
  async reserve(path: string, bytes: number | null | undefined): Promise<void> {
    await this.#space.reserve(path, bytes ?? 0);
  }

  /** Removes a folder while its run reports: a gigabyte takes a while to be given up, and nobody needs to wait for it. */
  remove(path: string): void {
    const removal = rm(path, { recursive: true, force: true })
      .catch(() => {})
      .finally(() => {
        this.#space.release(path);
        this.#removals.delete(removal);
      });
    this.#removals.add(removal);
  }

  /** Resolves when everything is gone that was to be removed. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals);
  }

  /** Leaves the folder to another process. */
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
