import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { HlsSource } from "../egress/hls-source.ts";
import { type OnFailure, serveHlsSource, serveRangeSource, serveSegmentSource } from "../egress/loopback.ts";
import { openRangeSource, type RangeSource } from "../egress/range-source.ts";
import { SegmentSource } from "../egress/segment-source.ts";
import { Fault } from "../fault.ts";
import type { RunContext } from "../kit.ts";
import { downloadWithTool } from "../tools/ytdlp-download.ts";
import type { Source, SourceStream } from "./source.ts";

/** A stream that was opened: an address for the tools, and the count of what it cost. */
export interface Input {
  readonly stream: SourceStream;
  /** What a tool opens: a URL that only this run's proxy serves, or a file of the work folder. */
  readonly address: string;
  /** Set for a file that can be read anywhere. */
  readonly ranges: RangeSource | null;
  readonly transportStream: boolean;
  /** Requests that had to be repeated so far. */
  readonly retries: () => number;
  readonly close: () => void;
}

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
      return openFile(context, stream, index, onFailure);
    case "hls":
      return openHls(context, stream, onFailure);
    case "dash":
      return openFragments(context, stream, onFailure);
    case "other":
      return downloadByTool(context, source, stream);
  }
}

function sourceOptions({ config, signal, progress, request }: RunContext, stream: SourceStream) {
  return {
    url: stream.url,
    headers: stream.headers,
    connections: config.connectionsPerSource,
    signal,
    maxBytes: Math.min(
      config.maxFilesizeBytes,
      request.limits.max_filesize_bytes ?? Number.POSITIVE_INFINITY,
    ),
    onBytes: (bytes: number) => progress.receive(bytes),
  };
}

async function openFile(
  context: RunContext,
  stream: SourceStream,
  index: number,
  onFailure: OnFailure,
): Promise<Input> {
  const ranges = await openRangeSource(context.client, sourceOptions(context, stream));
  if (!ranges.rangesWork || ranges.sizeBytes === undefined) return spool(context, stream, index, ranges);
  if (ranges.sizeBytes === 0) throw new Fault("truncated", "the file is empty");
  const mount = context.proxy.mount(serveRangeSource(ranges, onFailure));
  return {
    stream,
    address: `${mount.baseUrl}/media`,
    ranges,
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
  { folder, signal }: RunContext,
  stream: SourceStream,
  index: number,
  ranges: RangeSource,
): Promise<Input> {
  const path = join(folder, `source.${index}`);
  const chunks = async function* () {
    for await (const batch of ranges.read()) yield* batch;
  };
  await pipeline(Readable.from(chunks(), { objectMode: false }), createWriteStream(path), { signal });
  return {
    stream,
    address: path,
    ranges: null,
    transportStream: stream.extension === "ts",
    retries: () => ranges.retries,
    close: () => ranges.close(),
  };
}

function openHls(context: RunContext, stream: SourceStream, onFailure: OnFailure): Input {
  const playlist = new HlsSource(context.client, sourceOptions(context, stream));
  const mount = context.proxy.mount(serveHlsSource(playlist, onFailure));
  return {
    stream,
    address: `${mount.baseUrl}${playlist.entryPath}`,
    ranges: null,
    transportStream: true,
    retries: () => playlist.retries,
    close: () => {
      mount.close();
      playlist.close();
    },
  };
}

function openFragments(context: RunContext, stream: SourceStream, onFailure: OnFailure): Input {
  const fragments = new SegmentSource(context.client, {
    ...sourceOptions(context, stream),
    fragments: stream.fragments,
  });
  const mount = context.proxy.mount(serveSegmentSource(fragments, onFailure));
  return {
    stream,
    address: `${mount.baseUrl}/media`,
    ranges: null,
    transportStream: false,
    retries: () => fragments.retries,
    close: () => mount.close(),
  };
}

/** What only the extractor's own downloader can read goes to the work folder first. */
async function downloadByTool(context: RunContext, source: Source, stream: SourceStream): Promise<Input> {
  const { config, extractor, folder, signal, proxy, progress } = context;
  let told = 0;
  const [path] = await downloadWithTool({
    pool: extractor,
    info: source.info,
    formatIds: [stream.formatId],
    folder,
    proxy,
    signal,
    timeoutMs: config.maxRunSeconds * 1000,
    onProgress: ({ bytes }) => {
      progress.receive(Math.max(0, bytes - told));
      told = bytes;
    },
  });
  if (path === undefined) throw new Fault("network", "the download ended without a file");
  return { stream, address: path, ranges: null, transportStream: false, retries: () => 0, close: () => {} };
}
