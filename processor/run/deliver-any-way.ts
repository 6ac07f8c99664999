import type { Delivery } from "../../schema/wire/callback.ts";
import type { RunContext } from "../dependencies.ts";
import type { HostLimit } from "../egress/host-limits.ts";
import { RangeMismatchError, SourceChangedError } from "../egress/source-read.ts";
import { StalledError } from "../egress/speed-watch.ts";
import { hasWrongRanges } from "../egress/wrong-ranges.ts";
import { Fault } from "../fault.ts";
import { deliver } from "../stages/deliver.ts";
import type { Resolved } from "../stages/resolve.ts";

/**
 * Delivers a source. What servers do wrong, they do wrong with ranges and with several connections: where those fail,
 * everything is read once more from its beginning, by one connection at a time. What that finds out about a host is
 * remembered for the runs that follow.
 *
 * @throws as `deliver`; where both ways fail, what the plain one failed with
 */
export async function deliverAnyWay(context: RunContext, resolved: Resolved): Promise<Delivery> {
  try {
    return await deliver(context, resolved);
  } catch (error) {
    const limit = error instanceof Fault ? await limitBehind(context, resolved, error) : null;
    if (context.signal.aborted || limit === null) throw error;
    context.client.useSingleConnections();
    const delivery = await deliver({ ...context, readsPlainly: true }, resolved);
    for (const { url } of resolved.source.streams) context.limits.remember(url, limit);
    return delivery;
  }
}

/** Damage that wrong ranges look like. */
const DAMAGE: ReadonlySet<string> = new Set(["truncated", "processing", "unsupported_url"]);
const REFUSALS: ReadonlySet<string> = new Set(["network", "forbidden", "rate_limited"]);

/** What may be behind a failure of the fast way; null where the plain one cannot do better. */
async function limitBehind(
  context: RunContext,
  { source }: Resolved,
  fault: Fault,
): Promise<HostLimit | null> {
  if (fault instanceof RangeMismatchError || fault instanceof SourceChangedError) {
    return { distrustsRanges: true };
  }
  // who is slow, or asks for time, is not helped by asking again
  if (fault instanceof StalledError || fault.retryAfterMs !== undefined) return null;
  if (REFUSALS.has(fault.code)) return { connections: 1 };
  if (!DAMAGE.has(fault.code)) return null;
  return (await hasWrongRanges(context, source.streams)) ? { distrustsRanges: true } : null;
}
