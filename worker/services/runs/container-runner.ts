import type { RunSlots } from "../../../schema/run-slots.ts";
import type { ProcessorRpc } from "../../env.ts";
import { createPoolRunner, type PoolMember } from "./pool-runner.ts";
import type { Runner } from "./runner.ts";

interface ContainerRunnerOptions {
  readonly namespace: DurableObjectNamespace<ProcessorRpc>;
  /** Size of the pool. */
  readonly instances: number;
  /** Of each instance. */
  readonly slots: RunSlots;
  readonly token: string;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** A sleeping container is started first; its object gives up earlier than this. */
const START_TIMEOUT_MS = 40_000;
/** A sleeping container is started first, then the source has its own time limit. */
const PROBE_TIMEOUT_MS = 60_000;

/**
 * A pool of container instances, each owned by a Durable Object `processor-<i>`. Instances are paid for while they are
 * awake, so the backlog decides how many are: a job goes to the lowest one with a free slot, and the others sleep.
 */
export function createContainerRunner(options: ContainerRunnerOptions): Runner {
  const { namespace, instances, slots, token, clock } = options;
  const stubOf = (name: string) => namespace.get(namespace.idFromName(name));
  const memberOf = (index: number): PoolMember => {
    const name = instanceName(index);
    return { name, send: (path, init) => stubOf(name).fetch(`http://processor${path}`, init) };
  };
  return createPoolRunner({
    members: [memberOf(0), ...Array.from({ length: instances - 1 }, (_, i) => memberOf(i + 1))],
    placement: { type: "pack", slots },
    clock,
    token,
    startTimeoutMs: START_TIMEOUT_MS,
    probeTimeoutMs: PROBE_TIMEOUT_MS,
    async health() {
      try {
        return await stubOf(instanceName(0)).health();
      } catch {
        return { ok: false, detail: "the processor's object does not answer" };
      }
    },
    keepAwake: ({ name }) => stubOf(name).keepAwake(),
  });
}

/** The name of an instance: that of its object, and of its processor in heartbeats. */
const instanceName = (index: number): string => `processor-${index}`;
