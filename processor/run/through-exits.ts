import { ADDRESS_REFUSALS } from "../../schema/errors.ts";
import { type ExitResult, SERVED, UNREACHABLE } from "../../schema/exits.ts";
import { ExitError } from "../egress/upstream/exit-error.ts";
import { Fault } from "../fault.ts";
import type { Log } from "../log.ts";
import type { Exit, SourceNetwork } from "../source-network.ts";

/** Failures that another address may not meet. */
const MOVES_ON: ReadonlySet<string> = new Set([
  ...[...ADDRESS_REFUSALS, "forbidden", "geo_blocked", UNREACHABLE],
]);

interface Trying<T> {
  readonly exits: readonly [Exit, ...Exit[]];
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Gets how the run fared with each exit. */
  readonly results: ExitResult[];
  open(exit: Exit): Promise<SourceNetwork>;
  /** @param isLast no other exit is left */
  attempt(network: SourceNetwork, exit: Exit, isLast: boolean): Promise<T>;
  /** What was learnt through an exit that is given up is dropped. */
  forget(): void;
}

/**
 * Tries a source through one exit after the other, at once, until one is served. Everything of a try comes through the
 * same exit.
 *
 * @throws the failure of the last exit through which the source answered
 */
export async function throughExits<T>(trying: Trying<T>): Promise<T> {
  const { signal, log, results } = trying;
  let left: readonly Exit[] = trying.exits;
  let failure: unknown;
  for (;;) {
    const [exit, ...others] = left;
    if (!exit) throw failure;
    const network = await trying.open(exit);
    try {
      const done = await trying.attempt(network, exit, others.length === 0);
      results.push({ exit: exit.name, result: SERVED, media: false });
      return done;
    } catch (error) {
      const result = resultOf(error, network);
      if (result !== null) results.push({ exit: exit.name, result, media: false });
      if (result !== UNREACHABLE || failure === undefined) failure = error;
      if (signal.aborted || result === null || !MOVES_ON.has(result)) throw error;
      trying.forget();
      left = result === "geo_blocked" ? others.filter(({ country }) => isElsewhere(country, exit)) : others;
      if (left.length > 0) log("exit_given_up", { exit: exit.name, why: result });
    } finally {
      await network.proxy.close();
    }
  }
}

/** Null for failures that say nothing of an exit. */
function resultOf(error: unknown, { proxy, upstream }: SourceNetwork): string | null {
  if (!(error instanceof Fault)) return null;
  if (error.party === "storage") return SERVED;
  if (error instanceof ExitError) return UNREACHABLE;
  // tools only see that their proxy could not connect
  const isUnreachable = upstream !== undefined && error.code === "network" && proxy.exitFailures > 0;
  return isUnreachable ? UNREACHABLE : error.reportedCode;
}

const isElsewhere = (country: string | null, { country: refused }: Exit): boolean =>
  country === null || country !== refused;
