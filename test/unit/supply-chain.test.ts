import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inRoot } from "../../bin/stack/paths.ts";
import { trackedFiles } from "../support/repository.ts";

const read = (path: string): string => readFileSync(inRoot(...path.split("/")), "utf8");
const dockerfiles = trackedFiles().filter((file) => /(^|\/)Dockerfile/.test(file));
const workflows = trackedFiles().filter((file) => /^\.github\/.*\.ya?ml$/.test(file));

const WITH_DIGEST = /^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/;

describe("what is taken from elsewhere is named by its content", () => {
  it.each(dockerfiles)("%s: every image by tag and digest", (file) => {
    const lines = read(file).split("\n");
    const values = new Map(
      lines.flatMap((line) => {
        const [, name, value] = /^ARG (\w+)=(\S*)$/.exec(line) ?? [];
        return name === undefined ? [] : [[name, value ?? ""] as const];
      }),
    );
    const images = lines
      .flatMap((line) => /^FROM (\S+)/.exec(line)?.[1] ?? [])
      .map((image) => image.replace(/^\$\{(\w+)\}$/, (_, name: string) => values.get(name) ?? ""));
    expect(images.length).toBeGreaterThan(0);
    expect(images.filter((image) => !WITH_DIGEST.test(image))).toEqual([]);
  });

  it.each(workflows)("%s: every action by its commit, every container by tag and digest", (file) => {
    const text = read(file);
    const actions = [...text.matchAll(/^\s*-?\s*uses:\s*(\S+)/gm)].map(([, action]) => action ?? "");
    expect(actions.filter((action) => !/^[\w./-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
    const containers = [...text.matchAll(/^ *(?:container|image): *(\S+)/gm)].map(([, image]) => image ?? "");
    expect(containers.filter((image) => !WITH_DIGEST.test(image))).toEqual([]);
  });

  it("Python packages: each pin exact, the lock of the pinned release, each hash a SHA-256", () => {
    const pins = (text: string) =>
      text
        .replaceAll(/\\\n/g, " ")
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "" && !line.startsWith("#"));
    const wanted = pins(read("processor/requirements.in"));
    const locked = pins(read("processor/requirements.txt"));
    expect(wanted.filter((line) => !/^[\w-]+(\[[\w,-]+\])?==[\w.]+$/.test(line))).toEqual([]);
    expect(
      locked.filter((line) => !/^[\w-]+(\[[\w,-]+\])?==[\w.]+(\s+--hash=sha256:[0-9a-f]{64})*$/.test(line)),
    ).toEqual([]);
    const released = (line: string) => line.replace(/\[.*?\]/, "").split(" ")[0];
    expect(locked.map(released)).toEqual(expect.arrayContaining(wanted.map(released)));
    // all of them or none: a lock that is half made would be a hole
    const hashed = locked.filter((line) => line.includes("--hash="));
    expect([0, locked.length]).toContain(hashed.length);
  });

  it("npm packages: each version exact, each file of the lock with its digest", () => {
    const manifests = ["", "schema/", "worker/", "processor/", "bin/"].map((folder) =>
      read(`${folder}package.json`),
    );
    const versions = manifests.flatMap((text) => {
      const { dependencies, devDependencies } = JSON.parse(text);
      return Object.values<string>({ ...dependencies, ...devDependencies });
    });
    expect(versions.filter((version) => !/^(npm:[\w@/.-]+@)?\d+\.\d+\.\d+[\w.-]*$/.test(version))).toEqual(
      [],
    );
    const packages = Object.entries<{ integrity?: string; link?: boolean }>(
      JSON.parse(read("package-lock.json")).packages,
    );
    const loose = packages.filter(
      ([path, { integrity, link }]) =>
        // the rest is the root and its workspaces
        path.startsWith("node_modules/") && !link && !integrity?.startsWith("sha512-"),
    );
    expect(loose.map(([path]) => path)).toEqual([]);
  });
});

describe("the installer of yt-dlp", () => {
  const install = (lock: string, ...args: string[]) => {
    const folder = mkdtempSync(join(tmpdir(), "lock-"));
    try {
      copyFileSync(inRoot("processor", "install-ytdlp.sh"), join(folder, "install-ytdlp.sh"));
      writeFileSync(join(folder, "requirements.txt"), lock);
      return spawnSync("sh", [join(folder, "install-ytdlp.sh"), join(folder, "venv"), ...args], {
        encoding: "utf8",
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it("takes no stable release whose hashes are not known, and says what to run", () => {
    const { status, stderr } = install("yt-dlp==2026.10.26\n", "stable");
    expect(status).toBe(2);
    expect(stderr).toContain("run processor/lock-requirements.py");
  });

  it("takes no other version of the stable channel than the locked one", () => {
    const { status, stderr } = install("", "stable", "2026.1.1");
    expect(status).toBe(2);
    expect(stderr).toContain("leave YTDLP_VERSION empty");
  });

  it("lets pip check every file of the stable release", () => {
    expect(read("processor/install-ytdlp.sh")).toContain(
      'set -- --require-hashes --requirement "$requirements"',
    );
    execFileSync("sh", ["-n", inRoot("processor", "install-ytdlp.sh")]);
  });
});
