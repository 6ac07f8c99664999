import type { ListLine, ListRequest } from "../../schema/wire/probe.ts";
import { WIRE_VERSION } from "../../schema/wire/version.ts";
import { SourceSession } from "../cookies/source-session.ts";
import { trySessions } from "../cookies/try-sessions.ts";
import type { ProcessorDependencies } from "../dependencies.ts";
import { Fault } from "../fault.ts";
import { exitsFor, openSourceNetwork } from "../source-network.ts";
import { throughVersions } from "../tools/through-versions.ts";
import type { ListPart } from "../tools/warm-ytdlp.ts";

/**
 * Reports the entries of a list, line by line, as its source reports them; the last line says how it ended.
 *
 * @param report receives a line at once; the request limits how many there are
 * @throws the signal's reason when the list is no longer needed
 */
export async function listEntries(
  dependencies: ProcessorDependencies,
  { url, exit: given, ytdlp, timeout_ms: timeoutMs, max_entries: maxEntries, skip, cookies }: ListRequest,
  signal: AbortSignal,
  report: (line: ListLine) => void,
): Promise<void> {
  const session = new SourceSession(cookies, dependencies.config);
  const [exit] = exitsFor(dependencies, url, given ? [given] : []);
  session.useExit(exit.name);
  const network = await openSourceNetwork({ ...dependencies, session }, exit);
  const { proxy } = network;
  const used = () => (session.report ? { cookies: session.report } : {});
  // what was reported cannot be taken back: from then on, a failure is final
  const begun = new AbortController();
  try {
    await trySessions(session, AbortSignal.any([signal, begun.signal]), () =>
      throughVersions(
        {
          ...{ versions: dependencies.versions, policy: ytdlp, tries: [], forget() {} },
          signal: AbortSignal.any([signal, begun.signal]),
        },
        ({ pool }) =>
          pool.list({ url, proxy, session, signal, timeoutMs, maxEntries, skip }, (part) => {
            begun.abort();
            report(lineOf(part, skip));
          }),
      ),
    );
    report({ type: "end", ...used() });
  } catch (error) {
    signal.throwIfAborted();
    const fault = Fault.from(error, "internal");
    dependencies.log("list_failed", { code: fault.code, detail: fault.detail });
    if (fault.code === "timeout") report({ type: "late" });
    else report({ type: "failed", ...fault.report, ...used() });
  } finally {
    await network.proxy.close();
  }
}

function lineOf(part: ListPart, skipped: number): ListLine {
  if ("list" in part) return { type: "list", v: WIRE_VERSION, title: part.list, skipped };
  const { release_date: date, ...entry } = part.entry;
  return { type: "entry", ...entry, release_date: date === null ? null : isoDate(date) };
}

/** @example isoDate("20261103") // "2026-11-03" */
const isoDate = (compact: string): string => compact.replace(/^(\d{4})(\d{2})(\d{2})$/, "$1-$2-$3");
