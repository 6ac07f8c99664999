import {
  CONFIG_VARIABLES as PROCESSOR_VARIABLES,
  readConfig as readProcessorConfig,
} from "../../processor/config.ts";
import { judgeUrl, portOf } from "../../schema/address.ts";
import { readConfig as readWorkerConfig } from "../../worker/config.ts";
import { CONFIG_VARIABLES as WORKER_VARIABLES } from "../../worker/variables.ts";
import { type Environment, pick, systemEnvironment } from "./environment.ts";
import { StackError } from "./errors.ts";
import { STORAGE_PATH } from "./platform/paths.ts";
import type { Secrets } from "./secrets.ts";

/** What the stack itself decides. */
export interface Wiring {
  readonly workerUrl: string;
  readonly processorPort: number;
  readonly workDir: string;
  readonly ytdlpUpdateDir: string;
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
    R2_PUBLIC_ENDPOINT: env.PUBLIC_URL ? `${env.PUBLIC_URL.replace(/\/$/, "")}${STORAGE_PATH}` : "",
    R2_ACCESS_KEY_ID: BUCKET_KEY_ID,
    R2_SECRET_ACCESS_KEY: BUCKET_SECRET,
    ...ownBucket(env),
    ...pick(env, names(WORKER_VARIABLES)),
    // the short form of its EXITS
    ...pick(env, ["YTDLP_PROXY"]),
    PROCESSOR_URL: `http://127.0.0.1:${wiring.processorPort}`,
    PLATFORM: "embedded",
  });
}

/** Names under which an operator gives a bucket of any S3 service, with the Worker's names. */
const S3_VARIABLES: Readonly<Record<string, string>> = {
  S3_ENDPOINT: "R2_ENDPOINT",
  S3_PUBLIC_ENDPOINT: "R2_PUBLIC_ENDPOINT",
  S3_REGION: "R2_REGION",
  S3_BUCKET: "R2_BUCKET",
  S3_ACCESS_KEY_ID: "R2_ACCESS_KEY_ID",
  S3_SECRET_ACCESS_KEY: "R2_SECRET_ACCESS_KEY",
};
const NEEDED = ["S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"];

/**
 * The bucket that takes the place of the embedded one, if the operator names one.
 *
 * @throws StackError when only a part of it is named
 */
function ownBucket(env: Environment): Record<string, string> {
  const given = pick(env, Object.keys(S3_VARIABLES));
  const missing = NEEDED.filter((name) => given[name] === undefined);
  // what belongs to the embedded bucket does not hold for this one
  const fresh = { R2_PUBLIC_ENDPOINT: env.S3_ENDPOINT ?? env.R2_ENDPOINT ?? "", R2_REGION: "auto" };
  if (Object.keys(given).length === 0) return env.R2_ENDPOINT ? fresh : {};
  if (missing.length > 0) {
    throw new StackError(`${Object.keys(given)[0]} is set, so ${missing.join(", ")} must be set, too.`);
  }
  const named = Object.entries(given).map(([name, value]) => [S3_VARIABLES[name] ?? name, value]);
  return { ...fresh, ...(Object.fromEntries(named) as Record<string, string>) };
}

/** The processor's environment: the machine's, its own variables, and what the stack decides. */
export function processorEnvironment(env: Environment, wiring: Wiring): Record<string, string> {
  return checked(readProcessorConfig, {
    ...systemEnvironment(env),
    PROCESSOR_TOKEN: wiring.secrets.PROCESSOR_TOKEN,
    WORK_DIR: wiring.workDir,
    YTDLP_UPDATE_DIR: wiring.ytdlpUpdateDir,
    // After Ctrl-C, people do not want to wait for a long download: it continues at the next start.
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
