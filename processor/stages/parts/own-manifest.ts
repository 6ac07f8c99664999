import { type Manifest, type Period, parseManifest, type Representation } from "../../dash/manifest.ts";
import type { RunContext } from "../../dependencies.ts";
import { headersFor } from "../../egress/source-headers.ts";
import { openSpan, type SourceRequest, streamRange } from "../../egress/source-read.ts";
import { Fault, SourceFault } from "../../fault.ts";
import type { Fragment, Source, SourceStream } from "../source.ts";

/**
 * DASH manifests that yt-dlp reads wrongly are parsed here: several periods, times that repeat up to the end, numbers
 * of last segments, parts of files as segments, and files at several addresses.
 */

const MAX_MANIFEST_BYTES = 16 << 20;

/**
 * The source with the fragments of its manifest, where yt-dlp's are wrong.
 *
 * @throws Fault of the source; `network` if the manifest cannot be read, and yt-dlp cannot read it either
 */
export async function withOwnFragments(context: RunContext, source: Source): Promise<Source> {
  const urls = new Set(source.streams.map(({ manifestUrl }) => manifestUrl));
  const [url, another] = urls;
  if (!url || another !== undefined || source.live) return source;
  const manifest = await readManifest(context, source.streams[0], url);
  if (manifest === null || !isMisread(manifest)) return source;
  const streams = source.streams.map((stream) => ownStream(manifest, stream));
  const [first] = streams;
  if (!first) return source;
  const duration = manifest.duration ?? secondsOf(first.fragments);
  return { ...source, streams: streams as unknown as Source["streams"], duration };
}

const isMisread = (manifest: Manifest): boolean =>
  manifest.hasOpenRepeats ||
  manifest.hasSegmentRanges ||
  manifest.hasEndNumbers ||
  manifest.hasAlternatives ||
  manifest.periods.length > 1;

/** Null if it cannot be fetched or is not a manifest: then yt-dlp's reading stays. */
async function readManifest(
  { client, signal }: RunContext,
  stream: SourceStream,
  url: string,
): Promise<Manifest | null> {
  const request: SourceRequest = { url, signal, headers: headersFor(stream.headers, stream.url, url) };
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    const opened = await openSpan(client, request, null);
    const put = (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_MANIFEST_BYTES)
        throw new SourceFault("network", "the manifest is too large", { transient: false });
      chunks.push(Buffer.from(chunk));
    };
    await streamRange(client, request, { start: 0 }, { put }, { opened });
    return parseManifest(Buffer.concat(chunks).toString("utf8"), opened.url);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Fault)) throw error;
    return null;
  }
}

function ownStream({ periods }: Manifest, stream: SourceStream): SourceStream {
  const kind = stream.videoCodec === null && stream.height === null ? "audio" : "video";
  let last = findFirst(periods, stream, kind);
  if (!last)
    throw new SourceFault("network", "the manifest does not name the stream that was chosen", {
      transient: false,
    });
  const fragments: Fragment[] = [];
  for (const [part, period] of periods.entries()) {
    const next = nearest(period, last, kind);
    if (!next) continue;
    fragments.push(...next.segments().map((segment) => ({ ...segment, part })));
    last = next;
  }
  return { ...stream, fragments, size: null };
}

/** A format has the id of its representation, with a prefix if several manifests name it. */
function findFirst(periods: readonly Period[], stream: SourceStream, kind: string): Representation | null {
  for (const { representations } of periods) {
    const its = representations.filter(({ contentType }) => contentType === kind);
    const same = its.find(({ id }) => id !== "" && stream.formatId === id);
    const alike = its.find(({ id }) => id !== "" && stream.formatId.endsWith(`-${id}`));
    if (same ?? alike) return same ?? alike ?? null;
  }
  const all = periods.flatMap(({ representations }) => representations);
  return all.find(({ contentType, height }) => contentType === kind && height === stream.height) ?? null;
}

/** The closest match for a representation of another period: by id and kind, language, size, bitrate. */
function nearest({ representations }: Period, wanted: Representation, kind: string): Representation | null {
  const distance = (one: Representation): readonly number[] => [
    one.language === wanted.language ? 0 : 1,
    family(one) === family(wanted) ? 0 : 1,
    Math.abs((one.height ?? 0) - (wanted.height ?? 0)),
    one.id === wanted.id ? 0 : 1,
    Math.abs((one.bandwidth ?? 0) - (wanted.bandwidth ?? 0)),
  ];
  const its = representations.filter(({ contentType }) => contentType === kind);
  const [first] = its
    .map((one) => ({ one, far: distance(one) }))
    .sort((a, b) => a.far.map((far, index) => far - (b.far[index] ?? 0)).find((far) => far !== 0) ?? 0);
  return first?.one ?? null;
}

const family = ({ codecs }: Representation): string => codecs.split(".", 1)[0] ?? "";

const secondsOf = (fragments: readonly Fragment[]): number =>
  fragments.reduce((sum, { duration }) => sum + (duration ?? 0), 0);
