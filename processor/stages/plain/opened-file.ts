import type { RunContext } from "../../dependencies.ts";
import { connectionsTo } from "../../egress/connections.ts";
import type { HttpClient } from "../../egress/http-client.ts";
import { openRangeSource, type RangeSource, type RangeSourceOptions } from "../../egress/range-source.ts";
import type { SourceStream } from "../source.ts";
import type { OpenFile } from "./plain-file.ts";

/** How a stream of a run's source is read. */
export function sourceOptions(context: RunContext, stream: Pick<SourceStream, "url" | "headers">) {
  const { config, signal, progress, request, limits, readsPlainly } = context;
  const { connections, distrustsRanges } = limits.of(stream.url);
  const allowed = Math.min(connectionsTo(stream.url, config), connections ?? Number.POSITIVE_INFINITY);
  // the key's limit is on what is delivered, which for a clip is only known at its end
  const limit = request.plan.clip === null ? request.limits.max_filesize_bytes : null;
  return {
    url: stream.url,
    headers: stream.headers,
    connections: readsPlainly ? 1 : allowed,
    plain: readsPlainly === true || distrustsRanges === true,
    signal,
    maxBytes: Math.min(config.maxFilesizeBytes, limit ?? Number.POSITIVE_INFINITY),
    onBytes: (bytes: number) => progress.receive(bytes),
  };
}

/** Opens the file that a run's source may be, and a connection to where it goes; null for a host whose files are read in another way. */
export function openFileFor(context: RunContext): OpenFile | null {
  if (sourceOptions(context, { url: context.request.url, headers: {} }).plain) return null;
  return (address) => {
    context.store.connect();
    return openRangeSource(context.client, { ...sourceOptions(context, address), opensOnce: true });
  };
}

/** A file that was opened before its inputs were, and is the beginning of one of them. */
export class OpenedFile {
  readonly #client: HttpClient;
  readonly #file: RangeSource;
  #isTaken = false;

  constructor(client: HttpClient, file: RangeSource) {
    this.#client = client;
    this.#file = file;
  }

  /** The file, once, for a reader that would open it in the same way; else null, and it is closed. */
  take(client: HttpClient, { connections, plain, url }: RangeSourceOptions): RangeSource | null {
    if (this.#isTaken) return null;
    const isSame = url === this.#file.finalUrl || url === this.#file.url;
    if (client === this.#client && isSame && !plain && connections === this.#file.connections) {
      this.#isTaken = true;
      return this.#file;
    }
    this.close();
    return null;
  }

  /** Closes the file unless it was taken. */
  close(): void {
    if (!this.#isTaken) this.#file.close();
    this.#isTaken = true;
  }
}
