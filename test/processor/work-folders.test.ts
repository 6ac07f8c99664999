import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkFolderInUseError, WorkFolders } from "../../processor/run/work-folders.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "work-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const SCRIPT = `
  import { WorkFolders } from ${JSON.stringify(new URL("../../processor/run/work-folders.ts", import.meta.url).href)};
  await WorkFolders.open(process.argv[1], "other process");
  console.log("taken");
  setInterval(() => {}, 1000);
`;

describe("the root of the work folders", () => {
  it("is emptied and never removed", async () => {
    const { ino } = await stat(root);
    await mkdir(join(root, "runs", "former"), { recursive: true });
    await writeFile(join(root, "runs", "former", "a.mp4"), "x");
    await writeFile(join(root, "former.txt"), "x");
    const folders = await WorkFolders.open(root, "one");
    expect((await stat(root)).ino).toBe(ino);
    expect((await readdir(root)).filter((name) => !name.startsWith("lock."))).toEqual([]);
    folders.close();
  });

  it("is created where there is none", async () => {
    const folders = await WorkFolders.open(join(root, "deep", "work"), "one");
    expect(await folders.make("job")).toContain(join(root, "deep", "work", "runs", "job-"));
    folders.close();
  });

  it("belongs to one processor at a time, and a second one touches nothing in it", async () => {
    const folders = await WorkFolders.open(root, "one");
    const run = await folders.make("job");
    await expect(WorkFolders.open(root, "two")).rejects.toThrow(WorkFolderInUseError);
    expect(await readdir(join(root, "runs"))).toHaveLength(1);
    expect(run).toContain(root);
    folders.close();
  });

  it("is released when its process was killed, and the former owner is known", async () => {
    const other = spawn(process.execPath, ["--input-type=module", "-e", SCRIPT, root], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(other.stdout, "data");
    await expect(WorkFolders.open(root, "two")).rejects.toThrow(/is used by another processor/);
    other.kill("SIGKILL");
    await once(other, "exit");
    const folders = await WorkFolders.open(root, "two");
    expect(folders.formerBoot).toBe("other process");
    folders.close();
  });
});
