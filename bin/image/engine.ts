import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { inRoot } from "../stack/paths.ts";
import { outputOf, ProgramError, runProgram, works } from "./run-program.ts";

/** How a container is started. */
export interface ContainerSetup {
  /** For people. */
  readonly name: string;
  readonly readOnlyRoot: boolean;
  /** Folder of this machine that is mounted as the work folder, owned by the image's user; null: the image's own. */
  readonly workVolume: string | null;
  readonly env: Readonly<Record<string, string>>;
}

/** A program that builds images and starts containers. */
export interface Engine {
  readonly name: string;
  /** Builds the processor's image. */
  build(tag: string, buildArgs: readonly string[]): Promise<void>;
  /** Size of all layers, in bytes. */
  sizeOf(tag: string): number;
  /**
   * The command that runs a container in the foreground, in this machine's network: SIGTERM to its process drains the
   * processor. Its environment is passed on.
   */
  commandOf(tag: string, setup: ContainerSetup): readonly [string, ...string[]];
}

const DOCKERFILE = "processor/Dockerfile";

/** Docker's own command line, and Podman's, which is the same. */
function dockerLike(name: "docker" | "podman"): Engine {
  return {
    name,
    build: (tag, buildArgs) =>
      runProgram(name, ["build", "-f", DOCKERFILE, ...argsOf(buildArgs), "-t", tag, "."]),
    sizeOf: (tag) => Number(outputOf(name, ["image", "inspect", "--format", "{{.Size}}", tag])),
    commandOf: (tag, { env, readOnlyRoot, workVolume }) => [
      ...([name, "run", "--rm", "--network", "host", "--stop-timeout", "60"] as const),
      ...(readOnlyRoot ? ["--read-only"] : []),
      ...(workVolume === null ? [] : ["-v", `${workVolume}:/work`]),
      // only names: the values are in the command's environment, so no secret is on a command line
      ...Object.keys(env).flatMap((variable) => ["-e", variable]),
      tag,
    ],
  };
}

/** Where buildah keeps layers without a daemon, and its storage driver. */
const buildahHome = inRoot(".cache", "image");
const BUILDAH = [
  ...["--root", join(buildahHome, "store"), "--runroot", join(buildahHome, "run")],
  ...["--storage-driver", "vfs"],
];
const buildah = (...args: string[]) => outputOf("buildah", [...BUILDAH, ...args]);

/** Tag of the stand-in for Node's image, see `stand-in-base.sh`. */
const STAND_IN = "localhost/waterspout-base:trixie";
const CHROOT = inRoot("bin", "image", "run-in-chroot.sh");

/** Image configuration as the OCI specifies it. */
interface ImageConfig {
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
}

/** buildah needs no daemon and no kernel privileges; containers run in a chroot, as the image's user. */
function buildahEngine(log: (line: string) => void): Engine {
  mkdirSync(buildahHome, { recursive: true });
  return {
    name: "buildah",
    async build(tag, buildArgs) {
      const base = canPull() ? [] : await standInBase(log);
      await runProgram("buildah", [
        ...[...BUILDAH, "bud", "--isolation", "chroot", "--format", "docker", "--network", "host"],
        // this driver copies the whole image for each layer
        ...["--layers=false", "-f", DOCKERFILE, ...argsOf([...base, ...buildArgs]), "-t", tag, "."],
      ]);
    },
    sizeOf: (tag) => Number(JSON.parse(buildah("images", "--json", tag))[0]?.size.replace(/ MB$/, "e6")),
    commandOf(tag, { readOnlyRoot, workVolume }) {
      const { config } = JSON.parse(buildah("inspect", "--type", "image", tag)).OCIv1 as {
        config: ImageConfig;
      };
      const mounted = buildah("mount", buildah("from", "--pull-never", tag));
      return [
        ...([CHROOT, mounted, readOnlyRoot ? "ro" : "rw", workVolume ?? "", config.WorkingDir] as const),
        ...["env", ...config.Env.filter((entry) => !/^(PORT|HOST)=/.test(entry))],
        ...[...config.Entrypoint, ...config.Cmd],
      ];
    },
  };
}

const canPull = () => works("buildah", [...BUILDAH, "pull", "--quiet", baseImage()]);
const baseImage = () => /^ARG NODE_IMAGE=(\S+)$/m.exec(outputOf("cat", [DOCKERFILE]))?.[1] ?? "";

/** @returns build arguments for it */
async function standInBase(log: (line: string) => void): Promise<string[]> {
  if (!works("mmdebstrap", ["--version"])) {
    throw new ProgramError(
      "Node's image cannot be pulled; to make a stand-in for it: apt-get install mmdebstrap",
    );
  }
  log("Node's image cannot be pulled: Debian's packages and this machine's Node and yt-dlp stand in for it");
  // a link to npm/bin/npm-cli.js
  const npm = join(outputOf("sh", ["-c", 'realpath "$(command -v npm)"']), "..", "..");
  const script = inRoot("bin", "image", "stand-in-base.sh");
  await runProgram(script, [join(buildahHome, "base"), process.execPath, npm, STAND_IN, ...BUILDAH]);
  // the wheels are made here, so their hashes differ from those of the index
  return [`NODE_IMAGE=${STAND_IN}`, "YTDLP_LOCK=/opt/wheels/requirements.txt"];
}

const argsOf = (buildArgs: readonly string[]) => buildArgs.flatMap((argument) => ["--build-arg", argument]);

/** The first engine that works on this machine. @throws ProgramError if none does */
export function findEngine(log: (line: string) => void): Engine {
  if (works("docker", ["info"])) return dockerLike("docker");
  if (works("podman", ["info"])) return dockerLike("podman");
  if (works("buildah", ["--version"]) && process.getuid?.() === 0) return buildahEngine(log);
  throw new ProgramError(
    "No engine for images works here: start Docker, or install podman, or buildah (as root, on Debian: apt-get install buildah mmdebstrap)",
  );
}
