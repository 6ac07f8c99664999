import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Files that must not be opened, and how a test finds out that one was. */
export interface Canaries {
  readonly paths: readonly string[];
  /** Part of each of them. */
  readonly mark: string;
  /** False where the file system does not record when files are read. */
  readonly areWatched: boolean;
  /** Those that were opened and read. */
  read(): Promise<string[]>;
  remove(): Promise<void>;
}

const LONG_AGO = new Date(0);

export async function layCanaries(): Promise<Canaries> {
  const folder = await mkdtemp(join(tmpdir(), "canaries-"));
  const mark = `CANARY-${randomUUID()}`;
  const paths = ["secret.ts", "secret.mp4", "secret.vtt", "secret.jpg"].map((name) => join(folder, name));
  const control = join(folder, "control");
  for (const path of [...paths, control]) {
    await writeFile(path, `WEBVTT\n\n00:00.000 --> 00:09.000\n${mark}\n`);
    // an access time before the modification time is updated by the next read
    await utimes(path, LONG_AGO, new Date());
  }
  const wasRead = async (path: string) => (await stat(path)).atimeMs > LONG_AGO.getTime();
  await readFile(control);
  return {
    ...{ paths, mark, areWatched: await wasRead(control) },
    read: async () => {
      const found = await Promise.all(paths.map(async (path) => ((await wasRead(path)) ? [path] : [])));
      return found.flat();
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
