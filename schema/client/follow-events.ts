import { EventStreamReader, type ServerSentEvent } from "./event-stream.ts";
import type { Platform } from "./platform.ts";
import { WaterspoutError } from "./waterspout-error.ts";

/** A stream that can be resumed. */
export interface FollowedStream {
  /** @param lastEventId null at the first time */
  readonly open: (lastEventId: string | null) => Promise<Response>;
  /** True for the event after which the stream has nothing more to report. */
  readonly isLast: (event: ServerSentEvent) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A silent stream is reopened after this; servers send at least a comment every 15 s. */
const SILENCE_MS = 45_000;
const DEFAULT_RETRY_MS = 1_000;
/** Streams in a row that broke, or ended at once, without any event. */
const MAX_IDLE_STREAMS = 5;
/** A stream that lasts this long counts as working, even if nothing happened. */
const SHORT_LIFE_MS = 5_000;

/**
 * The events of a stream up to its last one; a stream that breaks off or ends early is resumed behind the last event
 * that was seen.
 *
 * @throws WaterspoutError when it cannot be opened or repeatedly sends nothing; the signal's reason
 */
export async function* followEvents(
  { open, isLast, signal }: FollowedStream,
  platform: Platform,
): AsyncGenerator<ServerSentEvent> {
  let lastId: string | null = null;
  for (let idle = 0; idle < MAX_IDLE_STREAMS; ) {
    const openedAt = platform.now();
    const response = await open(lastId);
    if (response.status === 204) return;
    const body = streamOf(response);
    const reader = new EventStreamReader();
    let heard = false;
    try {
      for await (const event of eventsOf(body, reader, platform, signal)) {
        heard = true;
        if (event.id !== "") lastId = event.id;
        yield event;
        if (isLast(event)) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof BrokenStreamError)) throw error;
    }
    const useful = heard || platform.now() - openedAt >= SHORT_LIFE_MS;
    idle = useful ? 0 : idle + 1;
    await platform.wait(reader.retryMs ?? DEFAULT_RETRY_MS, signal);
  }
  throw new WaterspoutError("The event stream ended several times without an event", {
    code: "unexpected_answer",
  });
}

/** The connection broke, or was silent for too long. */
class BrokenStreamError extends Error {}

function streamOf(response: Response): ReadableStream<Uint8Array> {
  const type = response.headers.get("content-type") ?? "";
  if (response.body && type.startsWith("text/event-stream")) return response.body;
  void response.body?.cancel();
  throw new WaterspoutError(`The server sent ${type || "nothing"} instead of an event stream`, {
    code: "unexpected_answer",
    status: response.status,
  });
}

async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  parser: EventStreamReader,
  platform: Platform,
  signal?: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await readInTime(reader, platform, signal);
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    // whatever ended the loop, the rest of the stream is not needed
    void reader.cancel().catch(() => {});
  }
}

/** @throws BrokenStreamError; the signal's reason */
async function readInTime(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { wait }: Platform,
  signal?: AbortSignal,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  const timer = new AbortController();
  const stop = AbortSignal.any([timer.signal, ...(signal ? [signal] : [])]);
  const silence = wait(SILENCE_MS, stop).then(() => Promise.reject(new BrokenStreamError("silence")));
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof BrokenStreamError
      ? cause
      : new BrokenStreamError("the connection broke", { cause });
  } finally {
    timer.abort();
    silence.catch(() => {});
  }
}
