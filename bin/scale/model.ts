import { costOf, PRICES } from "./prices.ts";

/** What one job takes. The first four are assumptions, the others are counted or measured; see docs/scale.md. */
export interface Assumptions {
  /** Size of a file, in GB, which goes in and out of a container. */
  readonly fileGb: number;
  /** Days for which it is kept (`RETENTION_DAYS`). */
  readonly keptDays: number;
  /** Days for which its row is kept (`JOB_RETENTION_DAYS`). */
  readonly rowDays: number;
  /** The peak, as a multiple of the average. */
  readonly peak: number;
  readonly requests: number;
  readonly workerCpuMs: number;
  readonly statements: number;
  readonly rowsWritten: number;
  readonly rowsRead: number;
  /** Bytes of its row with the entries of the indexes. */
  readonly rowBytes: number;
  readonly queueOperations: number;
  readonly classA: number;
  readonly logLines: number;
  /** How long it occupies a slot, in seconds. */
  readonly seconds: number;
  /** CPU that it uses in a container, in seconds. */
  readonly cpuSeconds: number;
  readonly slots: number;
  /** Of the instance type `standard-1`. */
  readonly memoryGib: number;
  readonly diskGb: number;
  /** Jobs that an instance completes in an hour, whatever its slots allow. */
  readonly jobsPerHour: number;
  /** `PROCESSOR_IDLE_SECONDS` */
  readonly idleSeconds: number;
}

export const ASSUMED: Assumptions = {
  ...{ fileGb: 0.1, keptDays: 7, rowDays: 90, peak: 3 },
  ...{ requests: 15, workerCpuMs: 25, statements: 18, rowsWritten: 32, rowsRead: 500, rowBytes: 2_000 },
  ...{ queueOperations: 6, classA: 14, logLines: 25 },
  ...{ seconds: 20, cpuSeconds: 1, slots: 8, memoryGib: 4, diskGb: 8, jobsPerHour: 1_400, idleSeconds: 60 },
};

const DAY = 86_400;
const DAYS = 30;

/** Takes and costs of a month. */
export interface Scale {
  readonly jobsPerDay: number;
  readonly instancesAtPeak: number;
  /** How many instances are awake on average. */
  readonly awake: number;
  /** The same if jobs were spread over as many instances as the peak needs, two at least. */
  readonly awakeIfSpread: number;
  readonly statementsPerSecond: number;
  readonly databaseGb: number;
  readonly egressGb: number;
  readonly costs: Readonly<Record<CostName, number>>;
  /** The same, if jobs were spread. */
  readonly memoryIfSpread: number;
  readonly egress: Readonly<Record<keyof typeof PRICES.containers.egressGb, number>>;
}

export const COST_NAMES = [
  "Workers",
  "D1",
  "Queues",
  "R2 operations",
  "R2 storage",
  "containers: CPU",
  "containers: memory and disk",
  "Durable Objects",
  "logs",
] as const;
export type CostName = (typeof COST_NAMES)[number];

/** What this many jobs a day use and cost in a month of 30 days. */
export function scaleOf(jobsPerDay: number, assumed: Assumptions = ASSUMED): Scale {
  const jobs = jobsPerDay * DAYS;
  const perSecond = jobsPerDay / DAY;
  const peakPerHour = perSecond * 3600 * assumed.peak;
  const instancesAtPeak = Math.max(1, Math.ceil(peakPerHour / assumed.jobsPerHour));
  const awake = awakeInstances(perSecond, assumed);
  // each of them gets its share of the jobs, and each stays awake after its last one
  const spread = Math.max(2, instancesAtPeak);
  const awakeIfSpread = spread * awakeInstances(perSecond / spread, assumed);
  const databaseGb = (jobsPerDay * assumed.rowDays * assumed.rowBytes) / 1e9;
  const egressGb = jobs * assumed.fileGb;
  const { workers, d1, queues, r2, containers, durableObjects, logs } = PRICES;
  const memoryOf = (instances: number) => {
    const seconds = instances * DAY * DAYS;
    return (
      costOf(containers.memoryGibSeconds, seconds * assumed.memoryGib) +
      costOf(containers.diskGbSeconds, seconds * assumed.diskGb)
    );
  };
  return {
    jobsPerDay,
    ...{ instancesAtPeak, awake, awakeIfSpread, databaseGb, egressGb },
    statementsPerSecond: perSecond * assumed.peak * assumed.statements,
    memoryIfSpread: memoryOf(awakeIfSpread),
    costs: {
      Workers:
        PRICES.plan +
        costOf(workers.requests, jobs * assumed.requests) +
        costOf(workers.cpuMs, jobs * assumed.workerCpuMs),
      D1:
        costOf(d1.rowsWritten, jobs * assumed.rowsWritten) +
        costOf(d1.rowsRead, jobs * assumed.rowsRead) +
        costOf(d1.storedGb, databaseGb),
      Queues: costOf(queues.operations, jobs * assumed.queueOperations),
      "R2 operations": costOf(r2.classA, jobs * assumed.classA),
      "R2 storage": costOf(r2.storedGb, jobsPerDay * assumed.keptDays * assumed.fileGb),
      "containers: CPU": costOf(containers.cpuSeconds, jobs * assumed.cpuSeconds),
      "containers: memory and disk": memoryOf(awake),
      // the object of an instance is in memory while it is awake (128 MB), and is called for each run and heartbeat
      "Durable Objects":
        costOf(durableObjects.requests, jobs * 4) +
        costOf(durableObjects.gbSeconds, awake * DAY * DAYS * 0.128),
      logs: costOf(logs.events, jobs * assumed.logLines),
    },
    egress: {
      "North America and Europe": costOf(containers.egressGb["North America and Europe"], egressGb),
      "Oceania, Korea, Taiwan": costOf(containers.egressGb["Oceania, Korea, Taiwan"], egressGb),
      "everywhere else": costOf(containers.egressGb["everywhere else"], egressGb),
    },
  };
}

/**
 * How many instances are awake on average, if jobs come at random and go to the lowest instance with a free slot. The
 * number of running jobs has a Poisson distribution (M/G/∞); the k-th instance works while more than (k - 1) × slots jobs
 * run, and stays awake for the idle time after that.
 */
export function awakeInstances(perSecond: number, { seconds, slots, idleSeconds }: Assumptions): number {
  const load = perSecond * seconds;
  let awake = 0;
  for (let below = 0; ; below += slots) {
    const busy = 1 - cumulative(load, below);
    // how often the number of running jobs rises from `below` to the first one of this instance
    const starts = perSecond * probability(load, below);
    // an instance that is idle is woken again by the next such rise
    const idle = starts <= 0 ? 0 : (1 - busy) * (1 - Math.exp((-starts * idleSeconds) / (1 - busy || 1)));
    const share = Math.min(1, busy + idle);
    awake += share;
    if (share < 1e-6 || below > load + 40 * Math.sqrt(load + 1) + slots) return awake;
  }
}

/** Of exactly `count` jobs. */
function probability(mean: number, count: number): number {
  let log = -mean;
  for (let i = 1; i <= count; i++) log += Math.log(mean / i);
  return Math.exp(log);
}

/** Of `count` jobs at most. */
function cumulative(mean: number, count: number): number {
  let sum = 0;
  for (let i = 0; i <= count; i++) sum += probability(mean, i);
  return Math.min(1, sum);
}
