/** One event of a stream. */
export interface ServerSentEvent {
  readonly event: string;
  /** Sent back as `Last-Event-ID` when the client resumes. */
  readonly id: string;
  readonly data: unknown;
}

/** Yielded by a source that has nothing to report: keeps the connection open. */
export const KEEP_ALIVE = Symbol("keep-alive");

/** How long a client waits before it resumes, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * A `text/event-stream` response from a source of events. The source is stopped when the client disconnects.
 *
 * @example sseResponse(async function* () { yield { event: "status", id: "7", data: { … } } }())
 */
export function sseResponse(source: AsyncGenerator<ServerSentEvent | typeof KEEP_ALIVE>): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
    },
    async pull(controller) {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value === KEEP_ALIVE ? ": still here\n\n" : format(value)));
    },
    async cancel() {
      await source.return(undefined);
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
  });
}

const format = ({ event, id, data }: ServerSentEvent): string =>
  `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
