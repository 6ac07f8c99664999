import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { inRoot } from "../stack/paths.ts";

const FOLDER = inRoot(".cache", "bench");

/** Writes the measurements of a part as JSON, with facts about the machine. @returns the file's path */
export async function saveResults(part: string, runs: number, results: object): Promise<string> {
  const [cpu] = cpus();
  const machine = {
    cpus: cpus().length,
    model: cpu?.model ?? "",
    memoryBytes: totalmem(),
    loadAverage: loadavg(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
  };
  const file = join(FOLDER, `${part}.json`);
  await mkdir(FOLDER, { recursive: true });
  await writeFile(
    file,
    `${JSON.stringify({ part, at: new Date().toISOString(), runs, machine, ...results }, null, 2)}\n`,
  );
  return file;
}
