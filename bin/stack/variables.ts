import {
  CONFIG_VARIABLES as PROCESSOR_VARIABLES,
  readConfig as readProcessorConfig,
} from "../../processor/config.ts";
import { judgeUrl, portOf } from "../../schema/address.ts";
import { readConfig as readWorkerConfig, CONFIG_VARIABLES as WORKER_VARIABLES } from "../../worker/config.ts";
import { type Environment, pick, systemEnvironment } from "./environment.ts";
import { StackError } from "./errors.ts";
import { STORAGE_PATH } from "./platform/paths.ts";
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
  const { ADMIN_TOKEN, PROCESSOR_TOKEN, SEALING_KEYS, BUCKET_KEY_ID, BUCKET_SECRET } = wiring.secrets;
  return checked(readWorkerConfig, {
    ADMIN_TOKEN,
    PROCESSOR_TOKEN,
    SEALING_KEYS,
    PUBLIC_URL: wiring.workerUrl,
    R2_ENDPOINT: `${wiring.workerUrl}${STORAGE_PATH}`,
    R2_ACCESS_KEY_ID: BUCKET_KEY_ID,
    R2_SECRET_ACCESS_KEY: BUCKET_SECRET,
    ...pick(env, names(WORKER_VARIABLES)),
    PROCESSOR_URL: `http://127.0.0.1:${wiring.processorPort}`,
    PLATFORM: "embedded",
  });
}

/** The processor's environment: the machine's, its own variables, and what the stack decides. */
export function processorEnvironment(env: Environment, wiring: Wiring): Record<string, string> {
  return checked(readProcessorConfig, {
    ...systemEnvironment(env),
    PROCESSOR_TOKEN: wiring.secrets.PROCESSOR_TOKEN,
    WORK_DIR: wiring.workDir,
    // Anyone who presses Ctrl-C does not want to wait for a long download: it goes on at the next start.
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

/** Addresses that the Worker itself calls, none of them on a caller's word. */
const OWN_ADDRESSES = [
  "PROCESSOR_URL",
  "R2_ENDPOINT",
  "SPOTIFY_API_URL",
  "SPOTIFY_ACCOUNTS_URL",
  "ITUNES_SEARCH_URL",
  "PODCAST_INDEX_URL",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
] as const;

/**
 * Private `host:port` pairs that the Worker may dial: those that the operator opened, and its own where their names are
 * private. A caller cannot name the latter, since the API judges addresses by the operator's list alone.
 */
export function openedHosts(variables: Readonly<Record<string, string>>): string[] {
  const operators = (variables.ALLOWED_PRIVATE_HOSTS ?? "").split(",").map((entry) => entry.trim());
  const own = OWN_ADDRESSES.flatMap((name) => URL.parse(variables[name] ?? "") ?? [])
    .filter((url) => !judgeUrl(url, new Set()).allowed)
    .map((url) => `${url.hostname}:${portOf(url)}`);
  return [...new Set([...operators.filter((entry) => entry !== ""), ...own])];
}
