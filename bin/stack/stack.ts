import { renameSync } from "node:fs";
import { resolve } from "node:path";
import type { Child } from "./child.ts";
import { driveCron } from "./cron.ts";
import { type Environment, systemEnvironment } from "./environment.ts";
import { StackError } from "./errors.ts";
import { startGuard } from "./guard/start-guard.ts";
import { ensureLocalKey } from "./local-account.ts";
import { writeLocalFile } from "./local-file.ts";
import { logTail } from "./log-tail.ts";
import { markerOf } from "./marker.ts";
import { applyMigrations, migrationFiles } from "./migrations.ts";
import { ensureBundle } from "./platform/bundle.ts";
import { DRAIN_MS } from "./platform/front.ts";
import { type LineWriter, timedLine } from "./platform/line-writer.ts";
import { trustedProxiesOf } from "./platform/trusted-proxies.ts";
import { assertPortIsFree, freePort, LOOPBACK, ownAddress } from "./ports.ts";
import { type ProcessorOptions, type SupervisedProcessor, superviseProcessor } from "./processor.ts";
import { waitUntilReady } from "./readiness.ts";
import { loadSecrets, saveSecrets, withOwnSecrets } from "./secrets.ts";
import { takeStateFolder } from "./state-folder.ts";
import { openedHosts, processorEnvironment, workerVariables } from "./variables.ts";
import { controlFile, startWorker, writePlatformFile } from "./worker.ts";

/**
 * How long the parts may take to stop, in milliseconds: the processor hands its runs back after `DRAIN_SECONDS`, the Worker
 * finishes responses and workerd closes its files.
 */
const PROCESSOR_GRACE = 8_000;
const WORKER_GRACE = DRAIN_MS + 5_000;

/** Each thread would get a heap of its own in the C library, which is hardly ever given back. */
const FEW_ARENAS = { MALLOC_ARENA_MAX: "2" };

export interface StackOptions {
  /** Address that the Worker listens on; default: this machine alone reaches it. */
  readonly host?: string | undefined;
  readonly port: number;
  /** Folder of everything that outlives a start; made if it is missing. */
  readonly stateDir: string;
  /** Where the configuration variables come from. */
  readonly env: Environment;
  /** Takes sentences for the person at the terminal. */
  readonly log: (line: string) => void;
  /** Takes the log lines of all parts, one JSON document each, instead of the files in `logs/`. */
  readonly logLines?: LineWriter | undefined;
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal;
  /** Starts the processor; default: a process of this machine. */
  readonly startProcessor?: (options: ProcessorOptions) => SupervisedProcessor;
  /** Makes Worker and processor reach each other by other addresses than their own, as across a network. */
  readonly detours?: Detours;
}

/** Each takes where a part listens, and returns where the other one finds it. */
export interface Detours {
  toWorker(url: string): Promise<string>;
  toProcessor(url: string): Promise<string>;
}

/** A running Worker and processor. */
export interface Stack {
  readonly url: string;
  /** Key of the local account. */
  readonly apiKey: string;
  readonly adminToken: string;
  readonly processorUrl: string;
  readonly stateDir: string;
  /** Resolves with the reason when the Worker ended on its own; the caller then stops the stack. */
  readonly failed: Promise<string>;
  /** Stops the processor, then the Worker, and leaves no process behind. May be called more than once. */
  stop(): Promise<void>;
}

/**
 * Starts Worker, processor and cron on a state folder, with the database brought up to date and a first account.
 *
 * @throws StackError with a sentence for people; everything that was started is stopped then
 * @example await startStack({ port: 8787, stateDir: ".waterspout", env: process.env, log: console.log })
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const undo: (() => void | Promise<void>)[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= undoAll(undo);
    return stopped;
  };
  try {
    return { ...(await start(options, undo)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  {
    host = LOOPBACK,
    port,
    stateDir,
    env,
    log,
    logLines,
    signal = new AbortController().signal,
    startProcessor = superviseProcessor,
    detours,
  }: StackOptions,
  undo: (() => void | Promise<void>)[],
): Promise<Omit<Stack, "stop">> {
  const trustedProxies = trustedProxiesOf(env.TRUSTED_PROXIES);
  const state = await takeStateFolder(resolve(stateDir), log);
  undo.push(state.release);
  await assertPortIsFree(host, port);
  const url = `http://${ownAddress(host)}:${port}`;
  const processorPort = await freePort();
  const secretsFile = state.file("secrets.json");
  const kept = loadSecrets(secretsFile);
  const secrets = withOwnSecrets(kept, env);
  const wiring = {
    ...{ workerUrl: url, processorPort, secrets },
    ...{ workDir: state.file("work"), ytdlpUpdateDir: state.file("ytdlp") },
  };
  const processorUrl = `http://127.0.0.1:${processorPort}`;
  const variables = {
    ...workerVariables(env, wiring),
    ...(detours && { PROCESSOR_URL: await detours.toProcessor(processorUrl) }),
  };
  const processorEnv: Readonly<Record<string, string>> = {
    ...processorEnvironment(env, wiring),
    ...(detours && { WORKER_URL: await detours.toWorker(url) }),
  };
  const marker = { ...markerOf(state.stackId), ...FEW_ARENAS };
  const guard = startGuard(state.stackId);
  undo.push(guard.sweep);

  const system = { ...systemEnvironment(env), ...marker };
  const { file: bundleFile, assetsFolder, bindings } = await ensureBundle(system);
  signal.throwIfAborted();

  const platformFile = writePlatformFile(state, {
    host,
    port,
    bundleFile,
    assetsFolder,
    bindings,
    variables,
    migrations: migrationFiles(),
    bucket: { accessKeyId: secrets.BUCKET_KEY_ID, secretAccessKey: secrets.BUCKET_SECRET },
    openedHosts: openedHosts(variables),
    trustedProxies,
  });
  const workerLog = freshLog(state.file("logs/worker.log"));
  const ofWorker = { platformFile, env: system, logFile: workerLog };
  await applyMigrations({ ...ofWorker, stamp: state.file("migrated") });
  signal.throwIfAborted();
  const linesOf = (source: string) => logLines && ((line: string) => logLines(timedLine(source, line)));
  const worker = startWorker({ ...ofWorker, state, onLine: linesOf("worker") });
  undo.push(() => worker.stop(WORKER_GRACE));
  const processor = startProcessor({
    env: { ...processorEnv, ...marker },
    logFile: freshLog(state.file("logs/processor.log")),
    onLine: linesOf("processor"),
    log,
  });
  undo.push(() => processor.stop(Number(processorEnv.DRAIN_SECONDS) * 1000 + PROCESSOR_GRACE));

  const failed = endOf(worker, workerLog);
  await Promise.race([waitUntilReady(url, signal), failed.then(fail)]);
  const apiKey = await ensureLocalKey(url, secrets.ADMIN_TOKEN, secrets.api_key);
  if (apiKey !== kept.api_key) saveSecrets(secretsFile, { ...kept, api_key: apiKey });
  undo.push(driveCron(controlFile(state.path), log));

  const adminToken = secrets.ADMIN_TOKEN;
  undo.push(writeLocalFile(state.file("local.json"), { url, apiKey, adminToken, processorUrl }));
  return { url, apiKey, adminToken, processorUrl, stateDir: state.path, failed };
}

/** Takes back what was done, the last thing first. */
async function undoAll(undo: (() => void | Promise<void>)[]): Promise<void> {
  for (let step = undo.pop(); step; step = undo.pop()) await step();
}

const endOf = async (worker: Child, log: string): Promise<string> =>
  `The Worker ${(await worker.ended).words}. The end of its log, ${log}:\n${logTail(log)}`;

const fail = (reason: string): never => {
  throw new StackError(reason);
};

/** The log of this start; the one before is kept next to it. */
function freshLog(file: string): string {
  try {
    renameSync(file, `${file}.1`);
  } catch {
    // It is the first start.
  }
  return file;
}
