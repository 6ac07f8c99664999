import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { RunContext } from "../dependencies.ts";
import { connectionsTo } from "../egress/connections.ts";
import {
  type OnFailure,
  type Pace,
  serveHlsSource,
  serveRangeSource,
  serveSegmentSource,
} from "../egress/loopback.ts";
import { FIRST_BYTES, openRangeSource, type RangeSource } from "../egress/range-source.ts";
import { SegmentSource } from "../egress/segment-source.ts";
import { type Fault, SourceFault } from "../fault.ts";
import { HlsSource } from "../hls/source.ts";
import { cutPieces, type TimeWindow } from "../hls/window.ts";
import { SNIFF_BYTES } from "../tools/input-format.ts";
import { demuxerOf, mediaFile, ToolInput } from "../tools/tool-input.ts";
import { downloadWithTool } from "../tools/ytdlp-download.ts";
import { type FileHead, readSourceHead } from "./file-head.ts";
import type { Fragment, Source, SourceStream } from "./source.ts";

/** A stream that was opened: a way for the tools to read it, and the count of what it cost. */
export interface Input {
  readonly stream: SourceStream;
  /**
   * What a tool opens: a URL that only this run's proxy serves, or a file of the work folder. What kind of media it is
   * is reported from its first bytes, which are read once, no matter who asks.
   *
   * @throws Fault `unsupported_url` when it is no container that is read; or of the source
   */
  readonly forTool: () => Promise<ToolInput>;
  /** Set for a file that can be read anywhere. */
  readonly ranges: RangeSource | null;
  /**
   * All its bytes in their order, as one stream of media; null where only a tool makes one of it. Batches are borrowed.
   *
   * @throws NotConcatenableError where that shows on the way
   */
  readonly read: ((signal: AbortSignal) => AsyncGenerator<Buffer[]>) | null;
  /** Reads its headers once, no matter who asks; null where there are none to read. */
  readonly head: () => Promise<FileHead | null>;
  readonly transportStream: boolean;
  /** Set when the input holds only the pieces that a clip needs: where they begin, and how long all would be. */
  readonly cut: { readonly startSeconds: number; readonly totalSeconds: number } | null;
  /** Requests that had to be repeated so far. */
  readonly retries: () => number;
  readonly close: () => void;
}

/** What only a tool looks into. */
const OPAQUE = { ranges: null, read: null, head: async () => null, cut: null } as const;

/** All inputs of a run, and why the first of them broke, which their reader cannot know. */
export interface Inputs {
  readonly all: readonly Input[];
  readonly failure: () => Fault | null;
  readonly close: () => void;
}

/** Opens every stream of the source side by side. */
export async function openInputs(context: RunContext, source: Source): Promise<Inputs> {
  let failure: Fault | null = null;
  const onFailure: OnFailure = (fault) => {
    failure ??= fault;
  };
  const opened = await Promise.allSettled(
    source.streams.map((stream, index) => openInput(context, source, stream, index, onFailure)),
  );
  const all = opened.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  const close = () => all.forEach((input) => void input.close());
  const refused = opened.find((result) => result.status === "rejected");
  if (refused) {
    close();
    throw refused.reason;
  }
  return { all, failure: () => failure, close };
}

function openInput(
  context: RunContext,
  source: Source,
  stream: SourceStream,
  index: number,
  onFailure: OnFailure,
): Promise<Input> | Input {
  switch (stream.protocol) {
    case "http":
      return openFile(context, source, stream, index, onFailure);
    case "hls":
      return openHls(context, stream, onFailure);
    case "dash":
      return openFragments(context, source, stream, onFailure);
    case "other":
      return downloadByTool(context, source, stream);
  }
}

function sourceOptions({ config, signal, progress, request }: RunContext, stream: SourceStream) {
  // the key's limit is on what is delivered, which of a clip is only known at its end
  const limit = request.plan.clip === null ? request.limits.max_filesize_bytes : null;
  return {
    url: stream.url,
    headers: stream.headers,
    connections: connectionsTo(stream.url, config),
    signal,
    maxBytes: Math.min(config.maxFilesizeBytes, limit ?? Number.POSITIVE_INFINITY),
    onBytes: (bytes: number) => progress.receive(bytes),
  };
}

/** The part of the source that is asked for; undefined for all of it. */
function windowOf({ request }: RunContext): TimeWindow | undefined {
  const { clip } = request.plan;
  return clip === null ? undefined : { start: clip.start, end: clip.end ?? undefined };
}

/** A clip is read in about so many answers; the last one is mostly read in vain. */
const CLIP_RESPONSES = 8;
const SMALLEST_RESPONSE_BYTES = 64 << 10;
const LARGEST_RESPONSE_BYTES = 16 << 20;
const CHUNKS_PER_RESPONSE = 4;
/** Between key frames, roughly: a copy needs as much in front of the asked start. */
const KEY_FRAME_SECONDS = 5;
/** Assumed where a source reports no duration, so that little is read in vain. */
const UNKNOWN_DURATION_SECONDS = 3600;

/** A clip's reader leaves early: what was read ahead of it then was read in vain, so it is kept small. */
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
  onFailure: OnFailure,
): Promise<Input> {
  const options = { ...sourceOptions(context, stream), plain: context.distrustsRanges };
  const ranges = await openRangeSource(context.client, options);
  if (!ranges.rangesWork || ranges.sizeBytes === undefined) return spool(context, stream, index, ranges);
  if (ranges.sizeBytes === 0) throw new SourceFault("truncated", "the file is empty");
  const pace = paceOf(context, ranges.sizeBytes, source.duration);
  const mount = context.proxy.mount(serveRangeSource(ranges, onFailure, pace ?? {}));
  const size = ranges.sizeBytes;
  // a response that ended early is asked for again at once, and one that broke with its source is not
  const retry = pace === null ? [] : ["-reconnect", "1", "-reconnect_delay_max", "0"];
  let front: Promise<Buffer> | null = null;
  const readFront = (bytes: number) => {
    front ??= ranges.readPart(0, Math.min(size, bytes));
    return front;
  };
  return {
    stream,
    forTool: once(async () => {
      const demuxer = demuxerOf(await readFront(SNIFF_BYTES));
      return ToolInput.url(`${mount.baseUrl}/media`, demuxer).with(...retry);
    }),
    ranges,
    read: (signal) => ranges.read({ signal, borrowed: true }),
    head: once(async () => readSourceHead(ranges, size, await readFront(FIRST_BYTES))),
    cut: null,
    transportStream: stream.extension === "ts",
    retries: () => ranges.retries,
    close: () => {
      mount.close();
      ranges.close();
    },
  };
}

/** A source that gives no ranges is read once, from its beginning; a file in the work folder can be read anywhere. */
async function spool(
  { folder, folders, signal }: RunContext,
  stream: SourceStream,
  index: number,
  ranges: RangeSource,
): Promise<Input> {
  const path = join(folder, `source.${index}`);
  await folders.reserve(folder, ranges.sizeBytes);
  const chunks = async function* () {
    for await (const batch of ranges.read()) yield* batch;
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
  if (window) await playlist.prepare();
  const mount = context.proxy.mount(serveHlsSource(playlist, onFailure));
  return {
    ...OPAQUE,
    stream,
    forTool: async () => ToolInput.hls(`${mount.baseUrl}${playlist.entryPath}`),
    read: (signal) => playlist.read(signal),
    cut: playlist.cut,
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
  // joined fragments cannot be sought in: what cannot be cut beforehand is cut from a file
  if (cut === null) return downloadByTool(context, source, stream);
  const wanted = cut?.fragments ?? stream.fragments;
  const options = sourceOptions(context, stream);
  const fragments = new SegmentSource(context.client, { ...options, fragments: wanted });
  const mount = context.proxy.mount(serveSegmentSource(fragments, onFailure));
  return {
    ...OPAQUE,
    stream,
    forTool: once(async () => {
      const first = new SegmentSource(context.client, { ...options, fragments: wanted.slice(0, 1) });
      return ToolInput.url(`${mount.baseUrl}/media`, demuxerOf(await frontOf(first)));
    }),
    read: (signal) => fragments.read(signal, true),
    cut: cut ?? null,
    transportStream: stream.extension === "ts",
    retries: () => fragments.retries,
    close: () => mount.close(),
  };
}

/** The first bytes of fragments, as many as report what they are. */
async function frontOf(fragments: SegmentSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const batch of fragments.read()) {
    chunks.push(...batch);
    length += batch.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length >= SNIFF_BYTES) break;
  }
  return Buffer.concat(chunks);
}

/** Asks once, anyone who wants the response, and however often. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let response: Promise<T> | null = null;
  return () => {
    response ??= ask();
    return response;
  };
}

/** The initialisation and the fragments that cover the window; null when the source does not state their lengths. */
function cutFragments(all: readonly Fragment[], window: TimeWindow) {
  const first = all.findIndex(({ duration }) => duration !== null);
  if (first === -1) return null;
  const pieces = all.slice(first).map((fragment) => ({ fragment, seconds: fragment.duration ?? Number.NaN }));
  if (pieces.some(({ seconds }) => Number.isNaN(seconds))) return null;
  const { kept, startSeconds, totalSeconds } = cutPieces(pieces, window);
  const fragments = [...all.slice(0, first), ...kept.map(({ fragment }) => fragment)];
  return { fragments, startSeconds, totalSeconds };
}

/** What only the extractor's own downloader can read goes to the work folder first. */
async function downloadByTool(context: RunContext, source: Source, stream: SourceStream): Promise<Input> {
  const { config, extractor, folder, folders, signal, proxy, progress } = context;
  await folders.reserve(folder, stream.size);
  let reported = 0;
  const [path] = await downloadWithTool({
    pool: extractor,
    info: source.info,
    formatIds: [stream.formatId],
    folder,
    proxy,
    signal,
    timeoutMs: config.maxRunSeconds * 1000,
    onProgress: ({ bytes }) => {
      progress.receive(Math.max(0, bytes - reported));
      reported = bytes;
    },
  });
  if (path === undefined) throw new SourceFault("network", "the download ended without a file");
  return {
    ...{ ...OPAQUE, stream, forTool: once(() => mediaFile(path)), transportStream: false },
    retries: () => 0,
    close: () => {},
  };
}
