import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { RunContext } from "../dependencies.ts";
import {
  type OnFailure,
  type Pace,
  serveHlsSource,
  serveRangeSource,
  serveSegmentSource,
} from "../egress/loopback.ts";
import { MissingMedia } from "../egress/missing-media.ts";
import { openRangeSource, type RangeSource } from "../egress/range-source.ts";
import { SegmentSource } from "../egress/segment-source.ts";
import { beginningOf } from "../egress/source-prefetch.ts";
import { type Fault, SourceFault } from "../fault.ts";
import { HlsSource } from "../hls/source.ts";
import { cutPieces, type TimeWindow } from "../hls/window.ts";
import { once } from "../once.ts";
import { SNIFF_BYTES } from "../tools/input-format.ts";
import { demuxerOf, mediaFile, ToolInput } from "../tools/tool-input.ts";
import { downloadWithTool } from "../tools/ytdlp-download.ts";
import { readSourceHead } from "./file-head.ts";
import { EndlessStreamError, isEndless } from "./live/endless-source.ts";
import { type Input, type Inputs, type Missing, NOTHING_MISSING } from "./parts/input.ts";
import { joinInputs } from "./parts/join-inputs.ts";
import { DeadPlaylistError, isDead } from "./parts/living-variant.ts";
import { type OpenedFile, sourceOptions } from "./plain/opened-file.ts";
import type { Fragment, Source, SourceStream } from "./source.ts";

export type { Input, Inputs };

/** What only a tool inspects. */
const OPAQUE = {
  ...{ ranges: null, read: null, head: async () => null, cut: null, parts: [] },
  missing: () => NOTHING_MISSING,
} as const;

/**
 * Opens every stream of the source in parallel.
 *
 * @param given the only stream, if it is open already
 * @throws DeadPlaylistError where the source does not give a playlist; Fault of the source
 */
export async function openInputs(
  context: RunContext,
  source: Source,
  given: OpenedFile | null = null,
): Promise<Inputs> {
  let failure: Fault | null = null;
  const onFailure: OnFailure = (fault) => {
    failure ??= fault;
  };
  const opened = await Promise.allSettled(
    source.streams.map((stream, index) => openInput(context, source, stream, index, { onFailure, given })),
  );
  const all = opened.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  const close = () => all.forEach((input) => void input.close());
  const refused = opened.find((result) => result.status === "rejected");
  if (refused) {
    close();
    throw refused.reason;
  }
  try {
    const joined = await joinInputs(context, all);
    const most = (one: Missing, other: Missing) => (other.seconds > one.seconds ? other : one);
    return {
      ...{ ...joined, failure: () => failure, close },
      missing: () => joined.all.map((input) => input.missing()).reduce(most, NOTHING_MISSING),
    };
  } catch (error) {
    close();
    throw failure ?? error;
  }
}

interface Opening {
  readonly onFailure: OnFailure;
  readonly given: OpenedFile | null;
}

function openInput(
  context: RunContext,
  source: Source,
  stream: SourceStream,
  index: number,
  more: Opening,
): Promise<Input> | Input {
  const { onFailure } = more;
  switch (stream.protocol) {
    case "http":
      return openFile(context, source, stream, index, more);
    case "hls":
      return openHls(context, stream, onFailure);
    case "dash":
      return openFragments(context, source, stream, onFailure);
    case "other":
      return downloadByTool(context, source, stream);
  }
}

/** The requested part of the source; undefined for all of it. */
function windowOf({ request }: RunContext): TimeWindow | undefined {
  const { clip } = request.plan;
  return clip === null ? undefined : { start: clip.start, end: clip.end ?? undefined };
}

/** A clip is read in about this many responses; the last one is mostly wasted. */
const CLIP_RESPONSES = 8;
const SMALLEST_RESPONSE_BYTES = 64 << 10;
const LARGEST_RESPONSE_BYTES = 16 << 20;
const CHUNKS_PER_RESPONSE = 4;
/** Typical distance of key frames: a copy needs this much before the requested start. */
const KEY_FRAME_SECONDS = 5;
/** Assumed if a source reports no duration, so that little is read in vain. */
const UNKNOWN_DURATION_SECONDS = 3600;

/** A clip's reader stops early: what was read ahead by then is wasted, so it is kept small. */
function paceOf(context: RunContext, sizeBytes: number, duration: number | null): Pace | null {
  const window = windowOf(context);
  if (window?.end === undefined) return null;
  const seconds = window.end - window.start + KEY_FRAME_SECONDS;
  const wanted = (sizeBytes * seconds) / (duration ?? UNKNOWN_DURATION_SECONDS);
  const responseBytes = Math.min(
    LARGEST_RESPONSE_BYTES,
    Math.max(SMALLEST_RESPONSE_BYTES, Math.round(wanted / CLIP_RESPONSES)),
  );
  const chunkBytes = Math.max(SMALLEST_RESPONSE_BYTES, Math.ceil(responseBytes / CHUNKS_PER_RESPONSE));
  return { responseBytes, chunkBytes };
}

async function openFile(
  context: RunContext,
  source: Source,
  stream: SourceStream,
  index: number,
  { onFailure, given }: Opening,
): Promise<Input> {
  const options = sourceOptions(context, stream);
  const ranges =
    given?.take(context.client, options) ??
    (await openRangeSource(context.client, {
      ...options,
      // the link to a node may expire; the requested one leads to another
      home: source.info.direct === true ? context.request.url : undefined,
    }));
  try {
    return await fileInput(context, source, stream, index, ranges, onFailure);
  } catch (error) {
    ranges.close();
    throw error;
  }
}

/** The caller closes the source if this fails. */
async function fileInput(
  context: RunContext,
  source: Source,
  stream: SourceStream,
  index: number,
  ranges: RangeSource,
  onFailure: OnFailure,
): Promise<Input> {
  if (ranges.sizeBytes === undefined && (await isEndless(context, stream, false)))
    throw new EndlessStreamError();
  if (!ranges.rangesWork || ranges.sizeBytes === undefined) return spool(context, stream, index, ranges);
  if (ranges.sizeBytes === 0) throw new SourceFault("truncated", "the file is empty");
  const pace = paceOf(context, ranges.sizeBytes, source.duration);
  const mount = context.proxy.mount(serveRangeSource(ranges, onFailure, pace ?? {}));
  const size = ranges.sizeBytes;
  // a response that ended early is requested again at once; one whose source failed is not
  const retry = pace === null ? [] : ["-reconnect", "1", "-reconnect_delay_max", "0"];
  return {
    stream,
    forTool: once(async () => {
      const demuxer = demuxerOf(await ranges.readPart(0, Math.min(size, SNIFF_BYTES)));
      return ToolInput.url(`${mount.baseUrl}/media`, demuxer).with(...retry);
    }),
    ranges,
    read: (signal) => ranges.read({ signal, borrowed: true }),
    head: once(() => readSourceHead(ranges, size)),
    ...{ cut: null, parts: [], missing: () => NOTHING_MISSING },
    transportStream: stream.extension === "ts",
    retries: () => ranges.retries,
    close: () => {
      mount.close();
      ranges.close();
    },
  };
}

/** A source without ranges is read once, from its beginning; a file in the work folder can be read anywhere. */
async function spool(
  { folder, folders, signal, progress }: RunContext,
  stream: SourceStream,
  index: number,
  ranges: RangeSource,
): Promise<Input> {
  const path = join(folder, `source.${index}`);
  const size = ranges.sizeBytes ?? stream.size;
  await folders.reserve(folder, ranges.sizeBytes);
  const onRead = size ? progress.spool(size) : null;
  let read = 0;
  const chunks = async function* () {
    for await (const batch of ranges.read()) {
      yield* batch;
      read += batch.reduce((sum, { length }) => sum + length, 0);
      onRead?.(read);
    }
  };
  await pipeline(Readable.from(chunks(), { objectMode: false }), createWriteStream(path), { signal });
  return {
    ...OPAQUE,
    stream,
    forTool: once(() => mediaFile(path)),
    transportStream: stream.extension === "ts",
    retries: () => ranges.retries,
    close: () => ranges.close(),
  };
}

async function openHls(context: RunContext, stream: SourceStream, onFailure: OnFailure): Promise<Input> {
  const window = windowOf(context);
  const playlist = new HlsSource(context.client, { ...sourceOptions(context, stream), window });
  const parts = await playlist.parts().catch((error: unknown) => {
    playlist.close();
    throw isDead(error) ? new DeadPlaylistError(error, stream) : error;
  });
  const mount = context.proxy.mount(serveHlsSource(playlist, onFailure));
  return {
    ...OPAQUE,
    stream,
    forTool: async () => ToolInput.hls(`${mount.baseUrl}${playlist.entryPath}`),
    read: (signal) => playlist.read(signal),
    cut: playlist.cut,
    parts: parts.map(({ seconds }, index) => ({
      seconds,
      read: (signal) => playlist.readPart(index, signal),
    })),
    missing: () => playlist.missing,
    transportStream: true,
    retries: () => playlist.retries,
    close: () => {
      mount.close();
      playlist.close();
    },
  };
}

async function openFragments(
  context: RunContext,
  source: Source,
  stream: SourceStream,
  onFailure: OnFailure,
): Promise<Input> {
  const window = windowOf(context);
  const cut = window && cutFragments(stream.fragments, window);
  // joined fragments are not seekable: what cannot be cut beforehand is cut from a file
  if (cut === null) return downloadByTool(context, source, stream);
  const wanted = cut?.fragments ?? stream.fragments;
  const options = sourceOptions(context, stream);
  const missing = new MissingMedia();
  missing.expect(mediaOf(wanted));
  const partial = (some: readonly Fragment[]) =>
    new SegmentSource(context.client, { ...options, fragments: some, missing });
  const fragments = partial(wanted);
  const mount = context.proxy.mount(serveSegmentSource(fragments, onFailure));
  return {
    ...OPAQUE,
    stream,
    forTool: once(async () => {
      const first = new SegmentSource(context.client, { ...options, fragments: wanted.slice(0, 1) });
      return ToolInput.url(`${mount.baseUrl}/media`, demuxerOf(await beginningOf(first.read(), SNIFF_BYTES)));
    }),
    read: (signal) => fragments.read(signal, true),
    cut: cut ?? null,
    parts: partsOf(wanted).map((its) => ({
      seconds: mediaOf(its).reduce((sum, { seconds }) => sum + seconds, 0),
      read: (signal) => partial(its).read(signal, true),
    })),
    missing: () => missing,
    transportStream: stream.extension === "ts",
    retries: () => fragments.retries,
    close: () => mount.close(),
  };
}

/** Fragments that are media, with their durations. */
const mediaOf = (fragments: readonly Fragment[]): { readonly seconds: number }[] =>
  fragments.flatMap(({ duration }) => (duration === null ? [] : [{ seconds: duration }]));

/** Fragments by the parts of the presentation, in order. */
function partsOf(fragments: readonly Fragment[]): Fragment[][] {
  const parts = new Map<number, Fragment[]>();
  for (const fragment of fragments) {
    const part = fragment.part ?? 0;
    const its = parts.get(part);
    if (its) its.push(fragment);
    else parts.set(part, [fragment]);
  }
  return [...parts.values()];
}

/** The initialisation and the fragments that cover the window; null when the source does not state their durations. */
function cutFragments(all: readonly Fragment[], window: TimeWindow) {
  const pieces: {
    readonly fragment: Fragment;
    readonly initialisation: Fragment[];
    readonly seconds: number;
  }[] = [];
  for (const part of partsOf(all)) {
    const first = part.findIndex(({ duration }) => duration !== null);
    if (first === -1) return null;
    const initialisation = part.slice(0, first);
    for (const fragment of part.slice(first)) {
      if (fragment.duration === null) return null;
      pieces.push({ fragment, initialisation, seconds: fragment.duration });
    }
  }
  const { kept, startSeconds, totalSeconds } = cutPieces(pieces, window);
  const fragments = kept.flatMap(({ fragment, initialisation }, index) =>
    kept[index - 1]?.initialisation === initialisation ? [fragment] : [...initialisation, fragment],
  );
  return { fragments, startSeconds, totalSeconds };
}

/** What only the extractor's own downloader can read is first saved to the work folder. */
async function downloadByTool(context: RunContext, source: Source, stream: SourceStream): Promise<Input> {
  const { config, extractor, folder, folders, session, signal, proxy, progress } = context;
  await folders.reserve(folder, stream.size);
  let reported = 0;
  let onRead: ((read: number) => void) | null = null;
  const [path] = await downloadWithTool({
    pool: extractor,
    info: source.info,
    formatIds: [stream.formatId],
    folder,
    proxy,
    session,
    signal,
    timeoutMs: config.maxRunSeconds * 1000,
    onProgress: ({ bytes, total }) => {
      progress.receive(Math.max(0, bytes - reported));
      reported = bytes;
      const size = total ?? stream.size;
      onRead ??= size ? progress.spool(size) : null;
      onRead?.(bytes);
    },
  });
  if (path === undefined) throw new SourceFault("network", "the download ended without a file");
  return {
    ...{ ...OPAQUE, stream, forTool: once(() => mediaFile(path)), transportStream: false },
    retries: () => 0,
    close: () => {},
  };
}
