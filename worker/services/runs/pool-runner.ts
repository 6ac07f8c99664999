import type { RunSlots } from "../../../schema/run-slots.ts";
import { type InstanceRuns, PoolLoad } from "./pool-load.ts";
import { cancelRun, type Send, sendList, sendProbe, startRun } from "./processor-http.ts";
import type {
  ListReply,
  Place,
  PlaceFor,
  ProbeReply,
  Runner,
  RunnerHealth,
  StartResponse,
} from "./runner.ts";

/** One processor of a pool. */
export interface PoolMember {
  /** The name that jobs store, and that it uses in heartbeats. */
  readonly name: string;
  readonly send: Send;
}

/**
 * Which member is asked first:
 * - `pack`: the lowest one with a free slot, so that the others can sleep; `slots` is what each member has
 * - `spread`: any, since all of them are awake anyway
 */
export type Placement = { readonly type: "pack"; readonly slots: RunSlots } | { readonly type: "spread" };

interface PoolOptions {
  readonly members: readonly [PoolMember, ...PoolMember[]];
  readonly placement: Placement;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** Bearer of the processors. */
  readonly token: string;
  /** A processor that has not answered a run within this time counts as unreachable, in milliseconds. */
  readonly startTimeoutMs: number;
  /** The same for a probe. */
  readonly probeTimeoutMs: number;
  health(): Promise<RunnerHealth>;
  keepAwake(member: PoolMember): Promise<void>;
}

/** Members that are asked for one run before it waits. */
const MAX_ASKED = 4;

/**
 * A pool of equal processors. A member that was unreachable or lost the job's run is not asked for that job if there is
 * any other, and the next claim begins after it, so that several dead members are skipped one after the other.
 */
export function createPoolRunner(options: PoolOptions): Runner {
  const { members, placement, clock, token, startTimeoutMs, probeTimeoutMs } = options;
  const load = new PoolLoad(placement.type === "pack" ? placement.slots : null);
  const indexOf = (name: string | null) => members.findIndex((member) => member.name === name);

  /** All members, beginning with the one that is asked first if all of them are alike. */
  function inOrder(key: string, avoid: string | null = null): PoolMember[] {
    const avoided = indexOf(avoid);
    const natural = placement.type === "pack" ? 0 : hash(key);
    const first = (avoided < 0 ? natural : avoided + 1) % members.length;
    return [...members.slice(first), ...members.slice(0, first)];
  }

  function orderFor({ jobId, runClass, alone, avoid, refused }: PlaceFor): string[] {
    const now = clock();
    const allowed = inOrder(jobId, avoid)
      .map(({ name }) => name)
      .filter((name) => !refused.includes(name));
    const others = allowed.filter((name) => name !== avoid);
    const isRoom = (name: string) => (alone ? load.isEmpty(name) : load.hasRoom(name, runClass, now));
    // members that may have no room are asked all the same, because the estimate may be wrong
    // a job that met a dead member continues after it, so that it tries each of them once
    const isDown = (name: string) => avoid === null && load.isDown(name, now);
    const rank = (name: string) => 2 * Number(!isRoom(name)) + Number(isDown(name));
    return (others.length > 0 ? others : allowed).sort((a, b) => rank(a) - rank(b)).slice(0, MAX_ASKED);
  }

  /** For probes and lists, which take no slot of a run. */
  function toAsk(key: string): PoolMember[] {
    const now = clock();
    const isDown = ({ name }: PoolMember) => Number(load.isDown(name, now));
    return inOrder(key)
      .sort((a, b) => isDown(a) - isDown(b))
      .slice(0, MAX_ASKED);
  }

  function place(wanted: PlaceFor): Place {
    const order = orderFor(wanted);
    const [first = members[0].name] = order;
    load.reserve(first);
    return { ...wanted, order: [first, ...order.slice(1)], isRestricted: order.length < restrictedBelow() };
  }

  /** An order with fewer members than this leaves out some that would be asked for another job. */
  const restrictedBelow = () => Math.min(members.length, MAX_ASKED);

  return {
    members: members.map(({ name }) => name),
    isPacked: placement.type === "pack" && members.length > 1,
    place,
    release: ({ order }) => load.release(order[0]),
    async start(run, { order, runClass, alone }) {
      let response: StartResponse = { type: "unreachable", reason: "no instance", runner: order[0] };
      for (const [index, name] of order.entries()) {
        const member = members[indexOf(name)];
        if (!member) continue;
        if (index > 0) load.reserve(name);
        response = await startRun(member.send, token, name, run, startTimeoutMs);
        if (response.type === "accepted") load.accepted(name, runClass);
        else load.release(name);
        if (response.type === "unreachable") load.down(name, clock());
        // without a response the run may have begun there: it is not started a second time under the same claim
        if (response.type !== "busy") return response;
        // a run that must be alone says nothing about the room that others would find
        if (!alone) load.full(name, runClass, clock() + response.retryAfterSeconds * 1000);
      }
      return response;
    },
    count: (instances: readonly InstanceRuns[]) => load.count(instances),
    freed: (runner, runClass, freeSlots) => load.freed(runner, runClass, freeSlots),
    async cancel(jobId, runner) {
      const member = members[indexOf(runner)];
      if (member) await cancelRun(member.send, token, jobId);
    },
    async probe(request) {
      let reply: ProbeReply = { type: "unreachable", reason: "no instance" };
      for (const { name, send } of toAsk(request.url)) {
        reply = await sendProbe(send, token, request, probeTimeoutMs);
        if (reply.type === "unreachable") load.down(name, clock());
        if (reply.type !== "busy" && reply.type !== "unreachable") return reply;
      }
      return reply;
    },
    async list(request, signal) {
      let reply: ListReply = { type: "unreachable", reason: "no instance" };
      for (const { name, send } of toAsk(request.url)) {
        reply = await sendList(send, token, request, signal);
        if (reply.type === "unreachable") load.down(name, clock());
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
