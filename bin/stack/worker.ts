import { type Child, startChild } from "./child.ts";
import { formatEnvFile } from "./environment.ts";
import { root } from "./paths.ts";
import { writePrivateFile } from "./private-file.ts";
import type { StateFolder } from "./state-folder.ts";
import { platformFolder, WRANGLER } from "./wrangler.ts";

export interface WorkerOptions {
  readonly port: number;
  readonly state: StateFolder;
  /** Environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** The Worker's own variables, secrets among them: they travel in a file, never in the command line. */
  readonly variables: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** Starts the Worker on the embedded platform: workerd with D1, Durable Objects, queues and R2. */
export function startWorker({ port, state, env, variables, logFile }: WorkerOptions): Child {
  const envFile = state.file("worker.env");
  writePrivateFile(envFile, formatEnvFile(variables));
  return startChild({
    command: process.execPath,
    args: [
      WRANGLER,
      "dev",
      "--local",
      ...["--ip", "127.0.0.1"],
      ...["--port", `${port}`],
      ...["--inspector-port", "0"],
      ...["--persist-to", platformFolder(state.path)],
      ...["--env-file", envFile],
      ...["--show-interactive-dev-session", "false"],
    ],
    cwd: root,
    env,
    logFile,
  });
}
