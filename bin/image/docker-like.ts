import { DOCKERFILE, type Engine, type ImageConfig } from "./engine.ts";
import { outputOf, runProgram } from "./run-program.ts";

/** Docker's own command line, and Podman's, which is the same. */
export function dockerLike(name: "docker" | "podman"): Engine {
  return {
    name,
    build: (target, tag, buildArgs) =>
      runProgram(name, [
        ...["build", "--file", DOCKERFILE, "--target", target, "-t", tag],
        // its usual format has no health check
        ...(name === "podman" ? ["--format", "docker"] : []),
        ...buildArgs.flatMap((argument) => ["--build-arg", argument]),
        ".",
      ]),
    sizeOf: (tag) => Number(outputOf(name, ["image", "inspect", "--format", "{{.Size}}", tag])),
    configOf: (tag) => {
      const { Config, HealthCheck } = JSON.parse(outputOf(name, ["image", "inspect", tag]))[0] as {
        Config: ImageConfig;
        // where Podman has it
        HealthCheck?: ImageConfig["Healthcheck"];
      };
      return HealthCheck ? { ...Config, Healthcheck: HealthCheck } : Config;
    },
    commandOf: (tag, { name: container, env, readOnlyRoot, volume, command = [] }) => [
      ...([name, "run", "--rm", "--name", container, "--network", "host", "--stop-timeout", "60"] as const),
      ...(readOnlyRoot ? ["--read-only", "--tmpfs", "/tmp:mode=1777"] : []),
      ...(volume === null ? [] : ["-v", `${volume.id}:${volume.at}`]),
      // only names: the values are in the command's environment, so no secret is on a command line
      ...Object.keys(env).flatMap((variable) => ["-e", variable]),
      tag,
      ...command,
    ],
    execCommandOf: (_tag, { name: container }, _pid, command) => [name, "exec", container, ...command],
    createVolume: (volume) => {
      outputOf(name, ["volume", "create", volume]);
      return volume;
    },
    removeVolume: (id) => void outputOf(name, ["volume", "rm", "--force", id]),
    close: () => {},
  };
}
