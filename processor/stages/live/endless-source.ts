import type { IncomingHttpHeaders } from "node:http";
import type { HttpClient } from "../../egress/http-client.ts";
import { Fault, SourceFault } from "../../fault.ts";
import type { LiveSegment, NewSegments } from "../../hls/follow.ts";
import type { Follow, LiveEnd } from "../../hls/live-source.ts";
import { FrameClock } from "../../media/audio-frames.ts";
import type { SourceStream } from "../source.ts";

/** Endless streams that come as one response, like internet radio. */

export interface EndlessSourceOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Longest time without a byte, in milliseconds. */
  readonly stallMs: number;
  /** How much is recorded at most: no slice is longer than this allows. */
  readonly maxSeconds: number;
  readonly onBytes?: (bytes: number) => void;
}

/** The size of one slice of the stream: at most this much is lost when a run dies. */
const SLICE_SECONDS = 4;
const SLICES_AT_LEAST = 4;
const MAX_SLICE_BYTES = 16 << 20;
const LOOK_TIMEOUT_MS = 15_000;

/** One response after the other, cut into slices as they arrive. */
export class EndlessSource {
  readonly #client: HttpClient;
  readonly #options: EndlessSourceOptions;
  readonly #bytes = new WeakMap<object, Buffer[]>();

  constructor(client: HttpClient, options: EndlessSourceOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * Slices as they fill, each once, in order.
   *
   * @throws Fault of the source for a refusal; silence ends the stream
   */
  async *follow({ after, isEnough }: Omit<Follow, "fromStart">): AsyncGenerator<NewSegments, LiveEnd> {
    const { headers, maxSeconds, onBytes, signal, stallMs, url } = this.#options;
    const response = await this.#client.open(url, { headers, signal, timeoutMs: stallMs });
    if (response.status !== 200) {
      response.body.on("error", () => {}).destroy();
      throw refusal(response.status);
    }
    const rate = bytesPerSecond(response.headers);
    const wanted = Math.min(SLICE_SECONDS, maxSeconds / SLICES_AT_LEAST);
    let sequence = after === null ? 0 : after + 1;
    let chunks: Buffer[] = [];
    let length = 0;
    let begunAt = performance.now();
    const clock = new FrameClock();
    let heard = 0;
    // servers send what they have first, faster than real time: the media itself knows best how long it is
    const secondsSoFar = () => {
      if (clock.seconds !== null) return clock.seconds - heard;
      return rate === null ? (performance.now() - begunAt) / 1000 : length / rate;
    };
    const cut = (): NewSegments => {
      // a stream that was reconnected continues somewhere else
      const beginsAnew = after !== null && sequence === after + 1;
      const segment = sliceOf(url, { sequence: sequence++, seconds: secondsSoFar(), beginsAnew });
      this.#bytes.set(segment, chunks);
      [chunks, length, begunAt] = [[], 0, performance.now()];
      heard = clock.seconds ?? 0;
      return { segments: [segment], missedSeconds: 0 };
    };
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        length += chunk.length;
        clock.add(chunk);
        onBytes?.(chunk.length);
        if (secondsSoFar() < wanted && length < MAX_SLICE_BYTES) continue;
        yield cut();
        if (isEnough()) return "enough";
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Fault) || error.code !== "network") throw error;
      if (length > 0) yield cut();
      return "stalled";
    } finally {
      response.body.on("error", () => {}).destroy();
    }
    if (length > 0) yield cut();
    // a radio has no end: the connection was cut
    return isRadio(response.headers) ? "stalled" : "ended";
  }

  /** The bytes of a slice. */
  async read(slice: object): Promise<Buffer[]> {
    return this.#bytes.get(slice) ?? [];
  }
}

function sliceOf(url: string, facts: Pick<LiveSegment, "sequence" | "seconds" | "beginsAnew">): LiveSegment {
  return { ...facts, url, map: null, key: null, sampleKey: null, isGap: false, part: 0 };
}

/**
 * Whether a stream is endless, judged by its first response: radio servers say so, and if the caller asked for a
 * recording, a response without a length is one.
 */
export async function isEndless(
  { client, signal }: { readonly client: HttpClient; readonly signal: AbortSignal },
  stream: Pick<SourceStream, "url" | "headers" | "protocol">,
  isAsked: boolean,
): Promise<boolean> {
  if (stream.protocol !== "http") return false;
  try {
    const { headers, url } = stream;
    const response = await client.open(url, { headers, signal, timeoutMs: LOOK_TIMEOUT_MS });
    response.body.on("error", () => {}).destroy();
    if (response.status !== 200) return false;
    const hasLength = response.headers["content-length"] !== undefined;
    return isRadio(response.headers) || (isAsked && !hasLength && isMedia(response.headers));
  } catch {
    signal.throwIfAborted();
    // the reader finds out what is wrong with it
    return false;
  }
}

/** The stream of this source is endless, which showed when it was opened. */
export class EndlessStreamError extends SourceFault {
  constructor() {
    super("live", "the response has no end");
  }
}

const isRadio = (headers: IncomingHttpHeaders): boolean =>
  headers["content-length"] === undefined && Object.keys(headers).some((name) => name.startsWith("icy-"));

const isMedia = (headers: IncomingHttpHeaders): boolean =>
  /^(?:audio|video)\/|^application\/ogg/i.test(headers["content-type"] ?? "");

/** As the server announces it; null if it does not. */
function bytesPerSecond(headers: IncomingHttpHeaders): number | null {
  const stated = /^\d{1,6}/.exec(String(headers["icy-br"] ?? ""))?.[0];
  const kilobits = Number(stated ?? 0);
  return kilobits > 0 ? (kilobits * 1000) / 8 : null;
}

function refusal(status: number): Fault {
  const detail = `the source answered ${status}`;
  if (status === 404) return new SourceFault("unavailable", detail);
  return Fault.of(status >= 500 ? "network" : "forbidden", detail);
}
