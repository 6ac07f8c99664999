import type { Delivery } from "../../schema/wire/callback.ts";
import type { RunContext } from "../dependencies.ts";
import type { HostLimit } from "../egress/host-limits.ts";
import { RangeMismatchError, SourceChangedError } from "../egress/source-read.ts";
import { StalledError } from "../egress/speed-watch.ts";
import { Fault } from "../fault.ts";
import { deliver } from "../stages/deliver.ts";
import type { Resolved } from "../stages/resolve.ts";

/**
 * Delivers a source. Faulty servers mostly fail with ranges and with several connections. If those fail, everything is
 * read again from its beginning, through one connection at a time. The limits that this finds for a host are remembered
 * for later runs.
 *
 * @throws as `deliver`; if both strategies fail, the error of the plain one, unless the source changed: its media is not
 * at fault then
 */
export async function deliverAnyWay(context: RunContext, resolved: Resolved): Promise<Delivery> {
  try {
    return await deliver(context, resolved);
  } catch (error) {
    const limit = error instanceof Fault ? await limitBehind(context, resolved, error) : null;
    if (context.signal.aborted || limit === null) throw error;
    context.client.useSingleConnections();
    context.timings.attempts++;
    const delivery = await deliver({ ...context, readsPlainly: true }, resolved).catch((second: unknown) => {
      const isDamage = second instanceof Fault && DAMAGE.has(second.code);
      throw isDamage && error instanceof SourceChangedError && !context.signal.aborted ? error : second;
    });
    for (const { url } of resolved.source.streams) context.limits.remember(url, limit);
    return delivery;
  }
}

/** Damage that wrong ranges may cause. */
const DAMAGE: ReadonlySet<string> = new Set(["truncated", "processing", "unsupported_url"]);
const REFUSALS: ReadonlySet<string> = new Set(["network", "forbidden", "rate_limited"]);

/** The limit that may have caused a failure of the fast strategy; null if the plain one would not help. */
async function limitBehind(
  context: RunContext,
  { source }: Resolved,
  fault: Fault,
): Promise<HostLimit | null> {
  if (fault instanceof RangeMismatchError || fault instanceof SourceChangedError) {
    return { distrustsRanges: true };
  }
  // a source that is slow or asks to wait should not be asked again
  if (fault instanceof StalledError || fault.retryAfterMs !== undefined) return null;
  if (REFUSALS.has(fault.code)) return { connections: 1 };
  if (!DAMAGE.has(fault.code)) return null;
  return (await context.rangeCheck.findsWrong(source.streams)) ? { distrustsRanges: true } : null;
}
