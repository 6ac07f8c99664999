import { cancelRun, type Send, sendList, sendProbe, startRun } from "./processor-http.ts";
import type { ListReply, ProbeReply, Runner, RunnerHealth, StartResponse } from "./runner.ts";

/** One processor of a pool. */
export interface PoolMember {
  /** What jobs remember it by, and what it calls itself in heartbeats. */
  readonly name: string;
  readonly send: Send;
}

interface PoolOptions {
  readonly members: readonly [PoolMember, ...PoolMember[]];
  /** Bearer of the processors. */
  readonly token: string;
  /** A processor that has not answered a run within this time counts as unreachable, in milliseconds. */
  readonly startTimeoutMs: number;
  /** The same of a probe. */
  readonly probeTimeoutMs: number;
  health(): Promise<RunnerHealth>;
  keepAwake(member: PoolMember): Promise<void>;
}

/** Members that are asked for one run before it waits. */
const MAX_ASKED = 4;

/**
 * A pool of processors that are alike. A job keeps to one of them, so that a repeated start finds the former one; when
 * that is busy, the next ones are asked. A member that was unreachable or lost the job's run is left to the last: the
 * next claim begins behind it, so that several dead members are passed one after the other.
 */
export function createPoolRunner(options: PoolOptions): Runner {
  const { members, token, startTimeoutMs, probeTimeoutMs } = options;
  const indexOf = (name: string | null) => members.findIndex((member) => member.name === name);

  const firstIndex = (key: string, avoid: string | null): number => {
    const avoided = indexOf(avoid);
    return (avoided < 0 ? hash(key) : avoided + 1) % members.length;
  };

  function inOrder(key: string, avoid: string | null = null, refused: readonly string[] = []): PoolMember[] {
    const first = firstIndex(key, avoid);
    const ordered = [...members.slice(first), ...members.slice(0, first)];
    return ordered.filter(({ name }) => !refused.includes(name)).slice(0, MAX_ASKED);
  }

  return {
    preferred: (jobId, avoid) => members[firstIndex(jobId, avoid)]?.name ?? members[0].name,
    members: members.map(({ name }) => name),
    async start(run, avoid, refused) {
      let response: StartResponse = { type: "unreachable", reason: "no instance", runner: members[0].name };
      for (const { name, send } of inOrder(run.job_id, avoid, refused)) {
        response = await startRun(send, token, name, run, startTimeoutMs);
        // without a verdict the run may have begun there: it is not begun a second time under the same claim
        if (response.type !== "busy") return response;
      }
      return response;
    },
    async cancel(jobId, runner) {
      const member = members[indexOf(runner)];
      if (member) await cancelRun(member.send, token, jobId);
    },
    async probe(request) {
      let reply: ProbeReply = { type: "unreachable", reason: "no instance" };
      for (const { send } of inOrder(request.url)) {
        reply = await sendProbe(send, token, request, probeTimeoutMs);
        if (reply.type !== "busy" && reply.type !== "unreachable") return reply;
      }
      return reply;
    },
    async list(request, signal) {
      let reply: ListReply = { type: "unreachable", reason: "no instance" };
      for (const { send } of inOrder(request.url)) {
        reply = await sendList(send, token, request, signal);
        if (reply.type !== "busy" && reply.type !== "unreachable") return reply;
      }
      return reply;
    },
    health: () => options.health(),
    async keepAwake(instance) {
      const member = members[indexOf(instance)];
      if (member) await options.keepAwake(member);
    },
  };
}

/** FNV-1a, 32 bits: spreads ids evenly over the pool. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
