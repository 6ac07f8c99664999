import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

/** The folders of runs, in which everything lies that a run writes to the disk. */
export class WorkFolders {
  readonly #folder: string;
  readonly #removals = new Set<Promise<void>>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Folders of a former process belong to nobody any more: they are removed first. @param root of all work */
  static async open(root: string): Promise<WorkFolders> {
    await rm(root, { recursive: true, force: true });
    return new WorkFolders(join(root, "runs"));
  }

  /** Makes a folder that nobody else can read, with a name that begins as given. @returns its path */
  async make(name: string): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    return await mkdtemp(join(this.#folder, `${name}-`));
  }

  /** Removes a folder while its run reports: a gigabyte takes a while to be given up, and nobody needs to wait for it. */
  remove(path: string): void {
    const removal = rm(path, { recursive: true, force: true })
      .catch(() => {})
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  /** Resolves when everything is gone that was to be removed. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals);
  }
}
