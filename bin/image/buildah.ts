import { createHash } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inRoot } from "../stack/paths.ts";
import { type ContainerSetup, DOCKERFILE, type Engine, type ImageConfig } from "./engine.ts";
import { outputOf, ProgramError, runProgram, works } from "./run-program.ts";

/** User and group id of the images' user. */
const UID = 1000;
/** Where layers are kept without a daemon. */
const HOME = inRoot(".cache", "image");
const script = (name: string) => inRoot("bin", "image", name);
/** What the stand-in for Node's image is made by, and of, besides Node. */
const STAND_IN_SOURCES = [
  script("stand-in-base.sh"),
  script("make-wheel.py"),
  inRoot("processor", "requirements.in"),
];

/** buildah needs no daemon and no kernel privileges; containers run in a chroot, as the image's user. */
export function buildahEngine(log: (line: string) => void): Engine {
  mkdirSync(HOME, { recursive: true });
  const storage = storageOptions();
  const buildah = (...args: string[]) => outputOf("buildah", [...storage, ...args]);
  const roots = new Map<string, string>();

  /** The files of a container; those with a read-only root share them. */
  function rootOf(tag: string, { name, readOnlyRoot }: ContainerSetup): string {
    const key = readOnlyRoot ? tag : `${tag} ${name}`;
    const root = roots.get(key) ?? buildah("mount", buildah("from", "--pull-never", tag));
    roots.set(key, root);
    return root;
  }
  const configOf = (tag: string): ImageConfig =>
    JSON.parse(buildah("inspect", "--type", "image", tag)).Docker.config;
  /** The image's variables; those of the setup are in the command's environment, so no secret is on a command line. */
  const environmentOf = (tag: string, env: ContainerSetup["env"]) =>
    configOf(tag).Env.filter((entry) => !(entry.replace(/=.*/s, "") in env));

  return {
    name: "buildah",
    async build(target, tag, buildArgs) {
      const base = works("buildah", [...storage, "pull", "--quiet", baseImage()])
        ? []
        : await standInBase(storage, log);
      await runProgram("buildah", [
        ...[...storage, "bud", "--isolation", "chroot", "--format", "docker", "--network", "host"],
        // vfs copies the whole image for each layer
        `--layers=${storage.includes("overlay")}`,
        ...[...base, ...buildArgs].flatMap((argument) => ["--build-arg", argument]),
        ...["--file", DOCKERFILE, "--target", target, "-t", tag, "."],
      ]);
    },
    sizeOf: (tag) => {
      const [{ size = "" } = {}] = JSON.parse(buildah("images", "--json", tag)) as { size?: string }[];
      const [, amount, unit = ""] = /^([\d.]+) ([kMG])B$/.exec(size) ?? [];
      return Number(amount) * ({ k: 1e3, M: 1e6, G: 1e9 }[unit] ?? 1);
    },
    configOf,
    commandOf(tag, setup) {
      const { Entrypoint, Cmd, WorkingDir } = configOf(tag);
      const { readOnlyRoot, volume, env, command = Cmd } = setup;
      return [
        ...([script("run-in-chroot.sh"), rootOf(tag, setup), readOnlyRoot ? "ro" : "rw"] as const),
        ...[volume?.id ?? "", volume?.at ?? "", WorkingDir],
        ...["env", ...environmentOf(tag, env), ...Entrypoint, ...command],
      ];
    },
    execCommandOf(tag, setup, pid, command) {
      const { WorkingDir } = configOf(tag);
      return [
        ...(["nsenter", `--mount=/proc/${pid}/ns/mnt`, "chroot", `--userspec=${UID}:${UID}`] as const),
        ...[rootOf(tag, setup), "/usr/bin/env", `--chdir=${WorkingDir}`],
        ...[...environmentOf(tag, setup.env), ...command],
      ];
    },
    createVolume(name) {
      const folder = join(HOME, "volumes", name);
      if (existsSync(folder)) throw new ProgramError(`The volume ${name} exists already`);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      chownSync(folder, UID, UID);
      return folder;
    },
    removeVolume: (id) => rmSync(id, { recursive: true, force: true }),
    close() {
      buildah("rm", "--all");
    },
  };
}

/** Folders of our own; overlay shares layers and vfs copies them, but works on every file system. */
function storageOptions(): string[] {
  const at = ["--root", join(HOME, "store"), "--runroot", join(HOME, "run"), "--storage-driver"];
  const driver = works("buildah", [...at, "overlay", "images"]) ? "overlay" : "vfs";
  return [...at, driver];
}

const baseImage = () => /^ARG NODE_IMAGE=(\S+)$/m.exec(outputOf("cat", [DOCKERFILE]))?.[1] ?? "";

/** @returns build arguments for it */
async function standInBase(storage: readonly string[], log: (line: string) => void): Promise<string[]> {
  if (!works("mmdebstrap", ["--version"])) {
    throw new ProgramError(
      "Node's image cannot be pulled; to make a stand-in for it: apt-get install mmdebstrap",
    );
  }
  log("Node's image cannot be pulled: Debian's packages and this machine's Node and yt-dlp stand in for it");
  const hash = createHash("sha256").update(process.version);
  for (const file of STAND_IN_SOURCES) hash.update(readFileSync(file));
  const tag = `localhost/waterspout-base:${hash.digest("hex").slice(0, 16)}`;
  // the wheels are made there, so their hashes differ from those of the index
  const buildArgs = [`NODE_IMAGE=${tag}`, "YTDLP_LOCK=/opt/wheels/requirements.txt"];
  // made a second time it would be another image, and no layer on it could be used again
  if (works("buildah", [...storage, "inspect", "--type", "image", tag])) return buildArgs;
  // a link to npm/bin/npm-cli.js
  const npm = join(outputOf("sh", ["-c", 'realpath "$(command -v npm)"']), "..", "..");
  await runProgram(script("stand-in-base.sh"), [join(HOME, "base"), process.execPath, npm, tag, ...storage]);
  return buildArgs;
}
