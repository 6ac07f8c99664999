import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inRoot } from "../../bin/stack/paths.ts";
import { trackedFiles } from "../support/repository.ts";

const read = (path: string): string => readFileSync(inRoot(...path.split("/")), "utf8");
const dockerfiles = trackedFiles().filter((file) => /(^|\/)Dockerfile$/.test(file));
const workflows = trackedFiles().filter((file) => /^\.github\/.*\.ya?ml$/.test(file));

const WITH_DIGEST = /^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/;

describe("everything external is pinned by its content", () => {
  it.each(dockerfiles)("%s: every image by tag and digest", (file) => {
    const lines = read(file).split("\n");
    const values = new Map(
      lines.flatMap((line) => {
        const [, name, value] = /^ARG (\w+)=(\S*)$/.exec(line) ?? [];
        return name === undefined ? [] : [[name, value ?? ""] as const];
      }),
    );
    const stages = new Set(lines.flatMap((line) => /^FROM \S+ AS (\S+)$/.exec(line)?.[1] ?? []));
    const images = lines
      .flatMap((line) => /^FROM (\S+)/.exec(line)?.[1] ?? [])
      .filter((image) => !stages.has(image))
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
    // all of them: a lock file that covers only some would leave a gap
    expect(locked.filter((line) => !/^[\w-]+==[\w.]+(\s+--hash=sha256:[0-9a-f]{64})+$/.test(line))).toEqual(
      [],
    );
    const released = (line: string) => line.replace(/\[.*?\]/, "").split(" ")[0];
    expect(locked.map(released)).toEqual(expect.arrayContaining(wanted.map(released)));
  });

  it("the PO-token provider: the version of yt-dlp's plugin, which accepts no other major version", () => {
    const [, provider] = /image: \S*bgutil-ytdlp-pot-provider:([^@\s]+)/.exec(read("compose.yaml")) ?? [];
    expect(read("processor/requirements.in")).toContain(`bgutil-ytdlp-pot-provider==${provider}\n`);
  });

  it("npm packages: each version exact, each file of the lock with its digest", () => {
    const manifests = ["", "schema/", "worker/", "processor/", "bin/"].map((folder) =>
      read(`${folder}package.json`),
    );
    const versions = manifests.flatMap((text) => {
      const { dependencies, devDependencies, optionalDependencies } = JSON.parse(text);
      return Object.values<string>({ ...dependencies, ...devDependencies, ...optionalDependencies });
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
  /** Runs it with a Python that creates an environment whose pip records its arguments. */
  const install = (lock: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const folder = mkdtempSync(join(tmpdir(), "lock-"));
    const program = (name: string, lines: string) => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${lines}\n`);
      chmodSync(join(folder, name), 0o755);
    };
    try {
      copyFileSync(inRoot("processor", "install-ytdlp.sh"), join(folder, "install-ytdlp.sh"));
      writeFileSync(join(folder, "requirements.txt"), lock);
      mkdirSync(join(folder, "bin"));
      program("bin/pip", `echo "$@" > '${folder}/pip-arguments'`);
      program("bin/python", "");
      program("bin/python3", `mkdir -p '${folder}/venv' && cp -r '${folder}/bin' '${folder}/venv/bin'`);
      const { status, stderr } = spawnSync(
        "sh",
        [join(folder, "install-ytdlp.sh"), join(folder, "venv"), ...args],
        {
          encoding: "utf8",
          env: { ...env, PATH: `${join(folder, "bin")}:${process.env.PATH}` },
        },
      );
      const written = join(folder, "pip-arguments");
      return { status, stderr, pip: existsSync(written) ? readFileSync(written, "utf8") : null };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const PLAIN = "yt-dlp==2026.8.19\n";
  const HASHED = `yt-dlp==2026.8.19 --hash=sha256:${"0".repeat(64)}\n`;

  it("installs no stable release whose hashes are not known, and says what to run", () => {
    const { status, stderr, pip } = install(PLAIN, ["stable"]);
    expect({ status, pip }).toEqual({ status: 2, pip: null });
    expect(stderr).toContain("requirements.txt holds no hashes: run processor/lock-requirements.py");
  });

  it("installs no other version of the stable channel than the locked one", () => {
    const { status, stderr } = install("", ["stable", "2026.1.1"]);
    expect(status).toBe(2);
    expect(stderr).toContain("leave YTDLP_VERSION empty");
  });

  it("lets pip check every file of a locked release", () => {
    const { status, stderr, pip } = install(HASHED, ["stable"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(pip).toMatch(/--require-hashes --requirement \S+\/requirements\.txt$/m);
  });

  it("lets pip check every file of another lock, too", () => {
    const lock = inRoot("processor", "requirements.txt");
    const { status, pip } = install(PLAIN, ["stable"], { YTDLP_LOCK: lock });
    expect(status).toBe(0);
    expect(pip).toContain(`--require-hashes --requirement ${lock}`);
    const unlocked = install(HASHED, ["stable"], { YTDLP_LOCK: inRoot("processor", "requirements.in") });
    expect({ status: unlocked.status, pip: unlocked.pip }).toEqual({ status: 2, pip: null });
  });
});
