import { addressTag } from "../../../../schema/source-id.ts";
import type { WireEntry } from "../../../../schema/wire/probe.ts";
import { WIRE_VERSION } from "../../../../schema/wire/version.ts";
import type { Asker, RequestContext } from "../../../context.ts";
import { ApiError, dependencyUnavailable } from "../../../lib/api-error.ts";
import { describeError } from "../../../lib/log.ts";
import { cookiesForProbe } from "../../cookies/cookies-for.ts";
import { noteProbe } from "../../cookies/report-use.ts";
import { exitForProbe } from "../../exits/assign-exits.ts";
import type { ListReply } from "../../runs/runner.ts";
import { policyForProbe } from "../../ytdlp/policy.ts";
import { SourceRefusedError } from "../probe-source.ts";
import { type ListedEntry, type ListPart, type ListRange, usableUrl } from "./listing.ts";

/** Lists through a processor, which streams the entries as it reads the source. Throws as `readList`. */
export async function* listPlaylist(
  context: RequestContext,
  url: string,
  asker: Asker,
  { skip, until, size, timeoutMs }: ListRange,
  signal: AbortSignal,
): AsyncGenerator<ListPart> {
  const exit = await exitForProbe(context, url);
  const cookies = await cookiesForProbe(context, url, asker);
  // one more, which shows that the list goes on
  const max_entries = until - skip + 1;
  const reply = await context.runner.list(
    {
      v: WIRE_VERSION,
      kind: "list",
      url,
      ...(exit ? { exit } : {}),
      ytdlp: await policyForProbe(context, url),
      timeout_ms: timeoutMs,
      max_entries,
      ...(skip > 0 ? { skip } : {}),
      cookies,
    },
    signal,
  );
  if (reply.type !== "listed") throw refusalOf(reply);
  let title: string | null = null;
  let start = 0;
  let received = 0;
  let entries: ListedEntry[] = [];
  const part = (isLast: boolean): ListPart => ({ kind: "playlist", title, start, entries, isLast });
  try {
    for await (const line of reply.lines) {
      switch (line.type) {
        case "list":
          title = line.title;
          start = line.skipped;
          break;
        case "entry": {
          const isFull = start + entries.length === until;
          if (isFull || entries.length === size) {
            yield part(false);
            start += entries.length;
            entries = [];
          }
          if (isFull) return;
          entries.push(await listed(line, url));
          received += 1;
          break;
        }
        case "end":
          await noteProbe(context, line.cookies);
          yield part(received < max_entries);
          return;
        case "failed":
          await noteProbe(context, line.cookies);
          throw new SourceRefusedError(line);
        case "late":
          throw new ApiError("expansion_timeout");
      }
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    signal.throwIfAborted();
    context.log("list_broken", { error: describeError(error) });
    throw dependencyUnavailable(error);
  }
  throw dependencyUnavailable(new Error("the list was not read to its end"));
}

function refusalOf(reply: Exclude<ListReply, { type: "listed" }>): ApiError {
  switch (reply.type) {
    case "late":
      return new ApiError("expansion_timeout");
    case "busy":
      return new ApiError("dependency_unavailable", { retryAfterSeconds: reply.retryAfterSeconds });
    case "unreachable":
      return dependencyUnavailable(new Error(reply.reason));
  }
}

async function listed(entry: WireEntry, listUrl: string): Promise<ListedEntry> {
  const url = usableUrl(entry.url);
  // keeps the titles of a feed, although its files have titles and names of their own
  const mediaUrl = entry.authoritative && entry.title !== null ? url : null;
  return {
    url: url ?? listUrl,
    mediaUrl,
    sourceId: entry.id ?? (mediaUrl === null ? null : await addressTag(mediaUrl)),
    title: entry.title,
    description: entry.description,
    releaseDate: entry.release_date,
    skipped: url === null || entry.unavailable ? "entry_unavailable" : null,
    facts: {
      site: entry.site,
      channel: entry.channel,
      publishedAt: entry.timestamp === null ? null : Math.round(entry.timestamp * 1000),
      duration: entry.duration,
      live: entry.live,
    },
  };
}
