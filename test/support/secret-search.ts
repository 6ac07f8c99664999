import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The forms in which a secret may appear: as it is, in a URL, in JSON, in Base64, line by line. */
export function spellings(secrets: readonly string[]): string[] {
  return secrets.flatMap((secret) => {
    const lines = secret.split("\n").filter((line) => line.length > 20 && !line.startsWith("-----"));
    const whole = secret.includes("\n") ? lines : [secret];
    return whole.flatMap((text) => [text, encodeURIComponent(text), Buffer.from(text).toString("base64")]);
  });
}

export const holdsAny = (bytes: Buffer, texts: readonly string[]): boolean =>
  texts.some((text) => bytes.includes(text));

/** Files at any depth that contain one of the texts. */
export async function filesWith(folder: string, texts: readonly string[]): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return matching(files, texts);
}

/**
 * Command lines and environments that contain one of the texts, of all processes but this test's own, which made the
 * secrets.
 */
export async function processesWith(texts: readonly string[]): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`);
  return matching(
    pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]),
    texts,
  );
}

async function matching(files: readonly string[], texts: readonly string[]): Promise<string[]> {
  const hits = await Promise.all(
    files.map(async (file) => holdsAny(await readFile(file).catch(() => Buffer.alloc(0)), texts)),
  );
  return files.filter((_, index) => hits[index]);
}
