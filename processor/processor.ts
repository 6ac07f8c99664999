import { randomUUID } from "node:crypto";
import type { Hono } from "hono";
import { slotsOf } from "../schema/run-slots.ts";
import { Tracer } from "../schema/telemetry/tracer.ts";
import type { ProcessorHealth } from "../schema/wire/run.ts";
import type { ProcessorConfig } from "./config.ts";
import type { ProcessorDependencies } from "./dependencies.ts";
import { HostLimits } from "./egress/host-limits.ts";
import { EgressPolicy } from "./egress/policy.ts";
import { EgressProxy } from "./egress/proxy.ts";
import { ProxyRotation } from "./egress/upstream/proxy-rotation.ts";
import { EventLoopDelay } from "./event-loop.ts";
import type { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { readOperatorCookies } from "./operator-cookies.ts";
import packageFile from "./package.json" with { type: "json" };
import { checkReadiness } from "./readiness.ts";
import { Callback } from "./run/callback.ts";
import { LeaseKeeper } from "./run/lease.ts";
import { startRun } from "./run/run.ts";
import { RunTable } from "./run/run-table.ts";
import { Slots } from "./run/slots.ts";
import { WorkFolders } from "./run/work-folders.ts";
import { createServer } from "./server.ts";
import { listEntries } from "./stages/list.ts";
import { probeSource } from "./stages/probe.ts";
import { Crc32Refusals } from "./storage/s3/crc32-refusals.ts";
import { BufferBudget } from "./storage/uploads/buffer-budget.ts";
import { Hasher } from "./storage/uploads/hasher.ts";
import { discoverTools } from "./tools/discover.ts";
import { killAllTools } from "./tools/exec.ts";
import { ExtractionCache } from "./tools/extraction-cache.ts";
import { ExtractorVersions } from "./tools/extractor-versions.ts";
import { Candidates } from "./tools/updates/candidates.ts";

const { version: VERSION } = packageFile;

export interface Processor {
  readonly app: Hono;
  readonly runs: RunTable;
  readonly tools: ProcessorHealth["tools"];
  /** Reports to the Worker that this process has started, once it listens, so that the runs of a former one are resumed at once. */
  announce(): Promise<void>;
  /** Resolves when a newer yt-dlp is in use, where the operator allows one and there is one. */
  updated(): Promise<void>;
  /** Resolves when the work folders of all ended runs are removed. */
  settled(): Promise<void>;
  /** Drains, then stops everything that was started. */
  close(): Promise<void>;
}

/** Concurrent probes; each is one extraction. */
const MAX_PROBES = 4;
/** Concurrent listings; each is one extraction, too. */
const MAX_LISTS = 4;
/** Time between two exports of spans, in milliseconds. */
const EXPORT_EVERY_MS = 5_000;
/** Memory for file parts of all runs together. */
const BUFFER_BYTES = 112 << 20;

/** Assembles a processor, which does not listen yet. */
export async function createProcessor(config: ProcessorConfig, log: Log): Promise<Processor> {
  const boot = randomUUID();
  // reports a wrong path now, and not in the first job
  await readOperatorCookies(config);
  const folders = await WorkFolders.open(config.workDir, boot);
  const tools = await discoverTools(config);
  const policy = new EgressPolicy({ opened: config.allowedPrivateHosts });
  const proxy = await EgressProxy.start(policy);
  const metrics = new Metrics();
  const tracer = new Tracer({
    config: { endpoint: config.otlpEndpoint, headers: config.otlpHeaders, ratio: config.tracesRatio },
    resource: {
      "service.name": "waterspout-processor",
      "service.version": VERSION,
      "service.instance.id": config.instance,
    },
    fetch: globalThis.fetch,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    onFailure: (detail, lost) => log("traces_not_exported", { detail, lost }),
  });
  const exporting = setInterval(() => void tracer.flush(), EXPORT_EVERY_MS).unref();
  const eventLoop = new EventLoopDelay();
  const callback = new Callback({
    workerUrl: config.workerUrl,
    instance: config.instance,
    boot,
    processorToken: config.processorToken,
  });
  const closing = new AbortController();
  const lease = new LeaseKeeper({
    callback,
    intervalMs: config.heartbeatSeconds * 1000,
    onFailure: (error) => log("heartbeat_failed", { detail: String(error) }),
  });
  const versions = new ExtractorVersions({ tools, config, proxy });
  const extractor = versions.pinned.pool;
  // warms up before the first run; if it fails, that run reports why
  extractor.ready().catch((error: unknown) => log("extractor_failed", { detail: String(error) }));
  const dependencies: ProcessorDependencies = {
    config,
    tools,
    policy,
    versions,
    extractions: new ExtractionCache(),
    proxies: new ProxyRotation(config.ytdlpProxies),
    limits: new HostLimits(),
    folders,
    buffers: new BufferBudget(BUFFER_BYTES),
    hasher: new Hasher(),
    crc32Refusals: new Crc32Refusals(),
    cpu: new Slots(config.cpuSlots),
    callback,
    lease,
    freeSlots: () => runs.freeAfterOne,
    metrics,
    tracer,
    log,
  };
  const candidates = new Candidates({ config, pinned: tools.ytdlp, versions, log });
  const probes = new Slots(MAX_PROBES);
  const slots = slotsOf(config.networkSlots, config.reservedSlots);
  const runs = new RunTable(slots, (request) => startRun(request, dependencies));
  const toolVersions = {
    ytdlp: tools.ytdlp.version,
    ytdlp_channel: tools.ytdlp.channel,
    ffmpeg: tools.ffmpeg.version,
    javascript: `node ${tools.node.version}`,
    challenge_scripts: tools.ytdlp.challengeScripts,
  };
  const readiness = {
    ...{ config, tools, now: Date.now },
    extractorFailure: () => extractor.failure,
    candidateFailure: () => candidates.failure,
    candidate: () => versions.candidate?.version ?? null,
    workerFailure: () => callback.failure,
  };
  const health = async (): Promise<ProcessorHealth> => ({
    status: runs.draining ? "draining" : "ok",
    instance: config.instance,
    runs: runs.size,
    slots: { network: config.networkSlots, cpu: config.cpuSlots },
    tools: { ...toolVersions, ytdlp_candidate: versions.candidate?.version ?? null },
    isolation: tools.sandbox.isolation,
    checks: [...(await checkReadiness(readiness))],
    time: Date.now(),
  });
  const renderMetrics = () => {
    const info = {
      version: VERSION,
      instance: config.instance,
      ytdlp: toolVersions.ytdlp,
      ytdlp_candidate: versions.candidate?.version ?? "",
      ffmpeg: toolVersions.ffmpeg,
    };
    metrics.gauge("waterspout_processor_info", "Versions of the processor and its tools", 1, info);
    metrics.gauge("waterspout_runs", "Runs in progress", runs.size);
    metrics.gauge("waterspout_slots", "Runs that may be in progress", config.networkSlots);
    metrics.gauge("waterspout_encoders", "Re-encodings in progress", dependencies.cpu.used);
    metrics.gauge("waterspout_buffer_bytes", "Memory held for file parts", dependencies.buffers.used);
    eventLoop.report(metrics);
    return metrics.render();
  };
  return {
    app: createServer({
      ...{ token: config.processorToken, runs, probes, renderMetrics, health },
      probe: (request, signal) => probeSource(dependencies, request, signal),
      lists: new Slots(MAX_LISTS),
      list: (request, signal, report) => listEntries(dependencies, request, signal, report),
    }),
    runs,
    tools: toolVersions,
    updated: () => candidates.settled,
    settled: () => folders.settled(),
    announce: async () => {
      const started = { replaces: folders.formerBoot, free_slots: config.networkSlots - runs.size };
      await callback.started(started, closing.signal).catch((error: unknown) => {
        if (!closing.signal.aborted) log("start_not_reported", { detail: String(error) });
      });
    },
    close: async () => {
      closing.abort();
      await runs.drain(config.drainSeconds * 1000);
      clearInterval(exporting);
      await tracer.flush();
      lease.close();
      candidates.close();
      await versions.close();
      await killAllTools();
      await Promise.all([dependencies.hasher.close(), folders.settled()]);
      await proxy.close();
      policy.close();
      eventLoop.close();
      folders.close();
    },
  };
}
