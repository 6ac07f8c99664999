import { Readiness } from "../../../schema/api/health.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { explainUnreachable } from "../failures/unreachable-text.ts";

/** Writing to the storage and asking the processors takes seconds if one of them does not answer. */
const TIMEOUT_MS = 30_000;

/**
 * `GET /readyz`, which has the same body with 200 and with 503; the client would treat the latter as a failure and ask
 * again.
 *
 * @throws CommandError if nothing answers, or something other than Waterspout does
 */
export async function fetchReadiness(url: string, signal: AbortSignal): Promise<Readiness> {
  const address = `${url.endsWith("/") ? url.slice(0, -1) : url}/readyz`;
  const failed = (why: string) => new CommandError(EXIT.unreachable, `${address} ${why}`);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const response = await fetch(address, { signal: limit }).catch((error: unknown) => {
    signal.throwIfAborted();
    const found = explainUnreachable(error, url);
    if (found) throw failed(`cannot be reached: ${found.reason}. ${found.advice ?? ""}`.trimEnd());
    throw failed("does not answer. Is Waterspout running there, and is the address right?");
  });
  const body: unknown = await response.json().catch(() => null);
  const readiness = Readiness.safeParse(body);
  if (readiness.success) return readiness.data;
  throw failed(`answered ${response.status} with something else: is it a Waterspout of this version?`);
}
