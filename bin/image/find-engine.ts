import { buildahEngine } from "./buildah.ts";
import { dockerLike } from "./docker-like.ts";
import type { Engine } from "./engine.ts";
import { ProgramError, works } from "./run-program.ts";

/** The first engine that works on this machine. @throws ProgramError if none does */
export function findEngine(log: (line: string) => void): Engine {
  if (works("docker", ["info"])) return dockerLike("docker");
  if (works("podman", ["info"])) return dockerLike("podman");
  if (works("buildah", ["--version"]) && process.getuid?.() === 0) return buildahEngine(log);
  throw new ProgramError(
    "No engine for images works here: start Docker, or install podman, or buildah (as root, on Debian: apt-get install buildah mmdebstrap)",
  );
}
