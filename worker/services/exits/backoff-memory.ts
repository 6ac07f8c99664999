import { DIRECT, type ExitSetting, SESSION_MARK } from "../../../schema/exits.ts";
import { SITE_NAMES } from "../../../schema/telemetry/site.ts";
import type { Backoffs, Exit, KnownPair, RequestContext } from "../../context.ts";
import { readDispatchState } from "../../db/exits/backoff-rows.ts";
import type { HealthRow } from "../../db/exits/health-rows.ts";
import type { TrialRow } from "../../db/exits/trial-rows.ts";
import { describeError } from "../../lib/log.ts";
import { FORGET_MS, newPair, stateOf } from "./pair-health.ts";

/** Maximum age of an isolate's memory, in milliseconds. */
const MEMORY_MS = 10_000;
/** Trials of versions that nobody has used for this long are removed, in milliseconds. */
export const TRIALS_MS = 30 * 24 * 60 * 60_000;
/** Pairs without a row that one isolate remembers; the oldest is removed first. */
const MAX_LOCAL = 5_000;

type Reading = Pick<RequestContext, "db" | "clock" | "runner" | "config" | "sealer" | "log">;

/** This isolate's copy of what the dispatcher must know besides the job. The tables are the truth. */
export class BackoffMemory {
  #pairs = new Map<string, KnownPair>();
  #storages = new Map<string, number>();
  #exits: readonly Exit[] = [];
  #running = new Map<string, number>();
  #trials: readonly TrialRow[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  /** URLs of exits by what is sealed, because opening them takes time. */
  readonly #opened = new Map<string, string>();

  /** What is known; read again when it is too old. */
  async read(context: Reading): Promise<Backoffs> {
    const now = context.clock();
    if (now - this.#readAt > MEMORY_MS) await this.#refresh(context, now);
    return {
      exits: this.#exits,
      storages: this.#storages,
      running: this.#running,
      trials: this.#trials,
      pairOf: (site, exit) => this.#pairs.get(keyOf(site, exit)) ?? this.#newPair(),
      sources: new Map(
        [...this.#pairs.values()]
          .filter((pair) => stateOf(pair, now) === "open")
          .map(({ site, exit, until }) => [namesNoExit(exit) ? site : `${site} ${exit}`, until]),
      ),
    };
  }

  async #refresh(context: Reading, now: number): Promise<void> {
    const wantsRuns = this.#exits.length > 0 || context.config.exits.length > 0;
    const read = await readDispatchState(context.db, now - FORGET_MS, {
      instances: context.runner.isPacked,
      exits: wantsRuns,
      trialsSince: now - TRIALS_MS,
    });
    // choosing an instance for the next run requires knowing what runs there; it takes no extra round trip
    if (context.runner.isPacked) context.runner.count(read.instances);
    this.#exits = await this.#exitsOf(context, read.exits);
    const before = this.#pairs;
    const local = [...before].filter(([, { version }]) => version === 0).slice(-MAX_LOCAL);
    this.#pairs = new Map(local);
    for (const row of read.pairs) {
      const pair = pairOfRow(row);
      const known = before.get(keyOf(row.site, row.exit));
      // the uses of this isolate may not be written yet
      const isSame = known?.version === pair.version;
      const nextAt = isSame ? Math.max(known.nextAt, pair.nextAt) : pair.nextAt;
      const probeUntil = isSame ? Math.max(known.probeUntil, pair.probeUntil) : pair.probeUntil;
      this.#pairs.set(keyOf(row.site, row.exit), { ...pair, nextAt, probeUntil });
    }
    this.#trials = read.trials.map((row) => withProbe(row, this.#trials));
    this.#storages = new Map(read.storages.map(({ name, until }) => [name, until]));
    this.#running = new Map(
      read.runsByExit.flatMap(({ exit, runs }) => (exit === null ? [] : [[exit, runs] as const])),
    );
    this.#readAt = now;
  }

  async #exitsOf(context: Reading, rows: Awaited<ReturnType<typeof readDispatchState>>["exits"]) {
    const opened = await Promise.all(
      rows.map(async ({ name, sealed_url, country, cost_per_gb, max_runs }): Promise<ExitSetting[]> => {
        try {
          const url = sealed_url === null ? DIRECT : await this.#open(context, name, sealed_url);
          return [{ name, url, country, cost_per_gb, max_runs }];
        } catch (error) {
          context.log("exit_unreadable", { exit: name, error: describeError(error) });
          return [];
        }
      }),
    );
    const configured = context.config.exits;
    const own = new Set(configured.map(({ name }) => name));
    return [...configured, ...opened.flat().filter(({ name }) => !own.has(name))].map(exitOf);
  }

  async #open({ sealer }: Reading, name: string, sealed: string): Promise<string> {
    const known = this.#opened.get(sealed);
    if (known !== undefined) return known;
    const url = await sealer.open(sealed, { owner: name, purpose: "exit.url" });
    this.#opened.set(sealed, url);
    return url;
  }

  /** Keeps a pair as this isolate has just changed it. */
  keep(pair: KnownPair): void {
    const key = keyOf(pair.site, pair.exit);
    this.#pairs.delete(key);
    this.#pairs.set(key, pair);
  }

  /** A run began or ceased to use an exit. */
  countRun(exit: string, change: 1 | -1): void {
    this.#running.set(exit, Math.max(0, (this.#running.get(exit) ?? 0) + change));
  }

  /** Keeps a trial as this isolate has just changed it. */
  keepTrial(trial: TrialRow): void {
    const isSame = ({ site, version }: TrialRow) => site === trial.site && version === trial.version;
    this.#trials = this.#trials.map((known) => (isSame(known) ? trial : known));
  }

  /** Drops the copy, because the tables were changed. */
  remove(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  #newPair(): Omit<KnownPair, "site" | "exit"> {
    return { ...newPair(this.#exits.length > 0), version: 0 };
  }
}

/** The probe of this isolate may not be written yet. */
function withProbe(row: TrialRow, before: readonly TrialRow[]): TrialRow {
  const known = before.find(
    ({ site, version, changed_at }) =>
      site === row.site && version === row.version && changed_at === row.changed_at,
  );
  return known ? { ...row, probe_until: Math.max(row.probe_until, known.probe_until) } : row;
}

/** Stands for every exit of a site. The name of an exit cannot look like this. */
export const EVERY_EXIT = "*";

/** True where a site is named without an exit. */
const namesNoExit = (exit: string): boolean => exit === DIRECT || exit === EVERY_EXIT;

const keyOf = (site: string, exit: string): string => `${site} ${exit}`;

const exitOf = ({ name, url, country, cost_per_gb, max_runs }: ExitSetting): Exit => ({
  name,
  url: url === DIRECT ? null : url,
  country,
  costPerGb: cost_per_gb,
  maxRuns: max_runs,
  isShared: url.includes(SESSION_MARK),
});

/** A pair as its row has it. */
export const pairOfRow = (row: HealthRow): KnownPair => ({
  ...{ site: row.site, exit: row.exit, version: row.version, reported: row.reported_open },
  ...{ strikes: row.strikes, faults: row.faults, until: row.until, probeUntil: row.probe_until },
  ...{ pace: row.pace, ceiling: row.ceiling, nextAt: row.next_at, changedAt: row.changed_at },
  reason: row.reason as KnownPair["reason"],
});

/** The row of a pair, to be written. */
export const rowOfPair = (pair: KnownPair, now: number): HealthRow => ({
  ...{ site: pair.site, exit: pair.exit, version: pair.version, reported_open: pair.reported ?? false },
  ...{ strikes: pair.strikes, faults: pair.faults, until: pair.until, probe_until: pair.probeUntil },
  ...{ pace: pair.pace, ceiling: pair.ceiling, next_at: pair.nextAt, changed_at: pair.changedAt },
  ...{ reason: pair.reason, updated_at: now },
});

/**
 * Whether the database must know a pair: those with strikes, and all of the sites that are known by name. Others are
 * remembered by the isolate alone, because anybody may name any number of hosts.
 */
export const isStored = ({ site, version, strikes, faults, pace }: KnownPair): boolean =>
  version > 0 || strikes > 0 || faults > 0 || (pace !== null && SITE_NAMES.includes(site));
