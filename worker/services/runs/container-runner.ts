import type { ProcessorRpc } from "../../env.ts";
import { cancelRun, sendList, sendProbe, startRun } from "./processor-http.ts";
import type { ListReply, ProbeReply, Runner, StartResponse } from "./runner.ts";

interface ContainerRunnerOptions {
  readonly namespace: DurableObjectNamespace<ProcessorRpc>;
  /** Size of the pool. */
  readonly instances: number;
  readonly token: string;
}

/** A container that sleeps is started first; its object gives up before this. */
const START_TIMEOUT_MS = 40_000;
/** A container that sleeps is started first, then the source has its time. */
const PROBE_TIMEOUT_MS = 60_000;
/** Instances that are asked for one run before it waits. */
const MAX_ASKED = 4;

/**
 * A pool of container instances, each owned by a Durable Object `processor-<i>`. A job keeps to one instance, so
 * that a repeated start finds the former one; when it is busy, the next ones are asked.
 */
export function createContainerRunner({ namespace, instances, token }: ContainerRunnerOptions): Runner {
  const stubOf = (name: string) => namespace.get(namespace.idFromName(name));
  const sendTo = (name: string) => (path: string, init: RequestInit) =>
    stubOf(name).fetch(`http://processor${path}`, init);
  const pool = new Set(Array.from({ length: instances }, (_, index) => instanceName(index)));
  const preferredIndex = (jobId: string) => hash(jobId) % instances;

  return {
    preferred: (jobId) => instanceName(preferredIndex(jobId)),
    async start(run) {
      const first = preferredIndex(run.job_id);
      let response: StartResponse = { type: "unreachable", reason: "no instance" };
      for (let i = 0; i < Math.min(instances, MAX_ASKED); i++) {
        const name = instanceName((first + i) % instances);
        response = await startRun(sendTo(name), token, name, run, START_TIMEOUT_MS);
        // without a verdict the run may have begun there: it is not begun a second time elsewhere
        if (response.type !== "busy") return response;
      }
      return response;
    },
    async cancel(jobId, runner) {
      if (runner !== null && pool.has(runner)) await cancelRun(sendTo(runner), token, jobId);
    },
    async probe(request) {
      const first = hash(request.url) % instances;
      let reply: ProbeReply = { type: "unreachable", reason: "no instance" };
      for (let i = 0; i < Math.min(instances, MAX_ASKED); i++) {
        const name = instanceName((first + i) % instances);
        reply = await sendProbe(sendTo(name), token, request, PROBE_TIMEOUT_MS);
        if (reply.type !== "busy") return reply;
      }
      return reply;
    },
    async list(request, signal) {
      const first = hash(request.url) % instances;
      let reply: ListReply = { type: "unreachable", reason: "no instance" };
      for (let i = 0; i < Math.min(instances, MAX_ASKED); i++) {
        const name = instanceName((first + i) % instances);
        reply = await sendList(sendTo(name), token, request, signal);
        if (reply.type !== "busy") return reply;
      }
      return reply;
    },
    async health() {
      try {
        return await stubOf(instanceName(0)).health();
      } catch {
        return { ok: false, detail: "the processor's object does not answer" };
      }
    },
    async keepAwake(instance) {
      if (pool.has(instance)) await stubOf(instance).keepAwake();
    },
  };
}

/** Name of an instance: of its object, and what its processor calls itself in heartbeats. */
const instanceName = (index: number): string => `processor-${index}`;

/** FNV-1a, 32 bits: spreads ids evenly over the pool. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
