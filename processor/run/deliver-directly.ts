import { isIP } from "node:net";
import { DIRECT, SERVED } from "../../schema/exits.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import type { RunContext } from "../dependencies.ts";
import { RangeCheck } from "../egress/ranges/wrong-ranges.ts";
import { Fault } from "../fault.ts";
import type { Resolved } from "../stages/resolve.ts";
import { deliverAnyWay } from "./deliver-any-way.ts";

/** Failures after which media is fetched through the run's exit instead. */
const REFUSALS: ReadonlySet<string> = new Set([
  ...["forbidden", "unavailable", "rate_limited", "bot_check", "geo_blocked", "network"],
]);

/**
 * Delivers a source whose media may be fetched without the run's exit, which may be paid for by the gigabyte. If the
 * site refuses that, the exit is used.
 */
export async function deliverDirectly(context: RunContext, resolved: Resolved): Promise<Delivery> {
  const { directClient, exitResults } = context;
  if (directClient === null || isTied(context, resolved)) return deliverAnyWay(context, resolved);
  const rangeCheck = new RangeCheck({ ...context, client: directClient });
  try {
    const delivery = await deliverAnyWay({ ...context, client: directClient, rangeCheck }, resolved);
    exitResults.push({ exit: DIRECT, result: SERVED, media: true });
    return delivery;
  } catch (error) {
    if (context.signal.aborted || !(error instanceof Fault) || !REFUSALS.has(error.code)) throw error;
    exitResults.push({ exit: DIRECT, result: error.reportedCode, media: true });
    context.timings.attempts++;
    return deliverAnyWay(context, resolved);
  }
}

/** Headers that show who asks. */
const PERSONAL: ReadonlySet<string> = new Set(["cookie", "authorization"]);

/**
 * Whether the media belongs to the address that the page was fetched from: it needs cookies, a login, or has an address
 * in its URL. It must not be asked for from anywhere else.
 */
function isTied({ client }: RunContext, { source }: Resolved): boolean {
  return source.streams.some(({ url, headers }) => {
    const isPersonal = Object.keys(headers).some((name) => PERSONAL.has(name.toLowerCase()));
    if (isPersonal || client.cookies.headerFor(url, undefined) !== undefined) return true;
    return URL.canParse(url) && namesAddress(new URL(url));
  });
}

/** @example namesAddress(new URL("https://media.example/a?ip=192.0.2.1&sig=…")) // true */
const namesAddress = ({ searchParams, pathname }: URL): boolean =>
  [...searchParams.values(), ...pathname.split("/").map(decoded)].some((part) => isIP(part) !== 0);

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
