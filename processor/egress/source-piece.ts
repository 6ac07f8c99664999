import { Fault } from "../fault.ts";
import { backoffMs, REAL_CLOCK } from "../retry.ts";
import type { HttpClient } from "./http-client.ts";
import { type ByteSpan, type ChunkSink, type SourceRequest, streamRange } from "./source-read.ts";

/** Requests for a piece that the source says it does not have, including the first. */
const ATTEMPTS = 3;
const BACKOFF = { firstMs: 300, maxMs: 1_000 };

/**
 * Passes on the bytes of one piece of a presentation. The nodes of a network get new pieces at different times: one that
 * does not have it is asked again before it counts as missing.
 *
 * @param isWorthIt false where so many are missing that one more is no accident
 * @throws as `streamRange`
 */
export async function streamPiece(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan,
  onChunk: ChunkSink,
  isWorthIt: () => boolean,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await streamRange(client, request, span, onChunk);
    } catch (error) {
      const isMissing = error instanceof Fault && error.code === "unavailable";
      if (!isMissing || attempt === ATTEMPTS || !isWorthIt()) throw error;
      request.onRetry?.();
      const clock = request.clock ?? REAL_CLOCK;
      await clock.sleep(backoffMs(attempt, BACKOFF, clock.random), request.signal);
    }
  }
}
