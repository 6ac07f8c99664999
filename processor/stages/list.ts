import type { ListLine, ListRequest } from "../../schema/wire/probe.ts";
import { WIRE_VERSION } from "../../schema/wire/version.ts";
import { Fault } from "../fault.ts";
import type { Kit } from "../kit.ts";
import type { ListPart } from "../tools/warm-ytdlp.ts";
import { openWayOut } from "../way-out.ts";

/**
 * Tells the entries of a list, line by line, as its source tells them; the last line says how it ended.
 *
 * @param tell takes a line at once; how many there are is bounded by the request
 * @throws the signal's reason when nobody wants the list any more
 */
export async function listEntries(
  kit: Kit,
  { url, timeout_ms: timeoutMs, max_entries: maxEntries }: ListRequest,
  signal: AbortSignal,
  tell: (line: ListLine) => void,
): Promise<void> {
  const way = await openWayOut(kit, url);
  try {
    await kit.extractor.list({ url, proxy: way.proxy, signal, timeoutMs, maxEntries }, (part) =>
      tell(lineOf(part)),
    );
    tell({ type: "end" });
  } catch (error) {
    signal.throwIfAborted();
    const fault = Fault.from(error, "internal");
    kit.log("list failed", { code: fault.code, detail: fault.detail });
    if (fault.code === "timeout") tell({ type: "late" });
    else tell({ type: "failed", code: fault.code, retry_after_ms: fault.retryAfterMs ?? null });
  } finally {
    await way.proxy.close();
  }
}

function lineOf(part: ListPart): ListLine {
  if ("list" in part) return { type: "list", v: WIRE_VERSION, title: part.list };
  const { release_date: date, ...entry } = part.entry;
  return { type: "entry", ...entry, release_date: date === null ? null : isoDate(date) };
}

/** @example isoDate("20261103") // "2026-11-03" */
const isoDate = (compact: string): string => compact.replace(/^(\d{4})(\d{2})(\d{2})$/, "$1-$2-$3");
