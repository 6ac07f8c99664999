import { readFileSync } from "node:fs";
import {
  CONFIG_VARIABLES as PROCESSOR_VARIABLES,
  readConfig as readProcessorConfig,
} from "../../processor/config.ts";
import { readConfig as readWorkerConfig, CONFIG_VARIABLES as WORKER_VARIABLES } from "../../worker/env.ts";
import { type Environment, pick, systemEnvironment } from "./environment.ts";
import { StackError } from "./errors.ts";
import { inRoot } from "./paths.ts";
import type { Secrets } from "./secrets.ts";

/** What the stack itself decides. */
export interface Wiring {
  readonly workerUrl: string;
  readonly processorPort: number;
  readonly workDir: string;
  readonly secrets: Secrets;
}

const names = (variables: readonly { readonly name: string }[]) => variables.map(({ name }) => name);

/** The Worker's variables: the person's own win, but for where the processor of this stack is. */
export function workerVariables(env: Environment, wiring: Wiring): Record<string, string> {
  const { ADMIN_TOKEN, PROCESSOR_TOKEN, SEALING_KEYS } = wiring.secrets;
  return checked(readWorkerConfig, {
    ADMIN_TOKEN,
    PROCESSOR_TOKEN,
    SEALING_KEYS,
    PUBLIC_URL: wiring.workerUrl,
    R2_ENDPOINT: `${wiring.workerUrl}/cdn-cgi/local/r2/s3`,
    ...embeddedBucketCredentials(),
    ...pick(env, names(WORKER_VARIABLES)),
    PROCESSOR_URL: `http://127.0.0.1:${wiring.processorPort}`,
  });
}

/** The processor's environment: the machine's, its own variables, and what the stack decides. */
export function processorEnvironment(env: Environment, wiring: Wiring): Record<string, string> {
  return checked(readProcessorConfig, {
    ...systemEnvironment(env),
    PROCESSOR_TOKEN: wiring.secrets.PROCESSOR_TOKEN,
    WORK_DIR: wiring.workDir,
    // Whoever presses Ctrl-C does not want to wait for a long download: it goes on at the next start.
    DRAIN_SECONDS: "2",
    ...pick(env, names(PROCESSOR_VARIABLES)),
    HOST: "127.0.0.1",
    PORT: `${wiring.processorPort}`,
    WORKER_URL: wiring.workerUrl,
  });
}

/** A value that its reader would refuse stops the start with the reader's own sentence, before anything runs. */
function checked(
  read: (variables: Readonly<Record<string, string>>) => unknown,
  variables: Record<string, string>,
): Record<string, string> {
  try {
    read(variables);
  } catch (error) {
    throw new StackError((error as Error).message);
  }
  return variables;
}

/** The credentials that wrangler.toml gives the embedded bucket; they open nothing outside this machine. */
function embeddedBucketCredentials(): Record<string, string> {
  const toml = readFileSync(inRoot("wrangler.toml"), "utf8");
  // regexp-ok: a file of this project
  const read = (name: string) => new RegExp(`^${name} = "(.*)"$`, "m").exec(toml)?.[1] ?? "";
  return { R2_ACCESS_KEY_ID: read("accessKeyId"), R2_SECRET_ACCESS_KEY: read("secretAccessKey") };
}
