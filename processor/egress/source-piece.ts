import { Fault } from "../fault.ts";
import { backoffMs, REAL_CLOCK } from "../retry.ts";
import type { HttpClient } from "./http-client.ts";
import {
  type ByteReceiver,
  type ByteSpan,
  collectSpan,
  type SourceRequest,
  streamRange,
  watched,
} from "./source-read.ts";

/** Requests for a piece that the source says it does not have, including the first. */
const ATTEMPTS = 3;
const BACKOFF = { firstMs: 300, maxMs: 1_000 };

/**
 * Passes on the bytes of one piece of a presentation. One that is missing is requested again, see {@link whenItArrives}; if it
 * is missing after it broke off, from the byte where it did.
 *
 * @param isWorthIt false where so many are missing that one more is no accident
 * @throws as `streamRange`
 */
export const streamPiece = (
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan,
  receiver: ByteReceiver,
  isWorthIt: () => boolean,
): Promise<void> => {
  let { start } = span;
  const counted = watched(receiver, ({ length }) => {
    start += length;
  });
  return whenItArrives(request, isWorthIt, () => streamRange(client, request, { ...span, start }, counted));
};

/**
 * One piece of a live stream in memory; one that is missing is requested again, see {@link whenItArrives}.
 *
 * @throws as `collectSpan`
 */
export const collectPiece = (
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan,
  maxBytes: number,
): Promise<Buffer[]> =>
  whenItArrives(
    request,
    () => true,
    () => collectSpan(client, request, span, maxBytes),
  );

/** The nodes of a network get new pieces at different times, so one that does not have it is asked again before it counts as missing. */
async function whenItArrives<T>(
  { clock = REAL_CLOCK, onRetry, signal }: SourceRequest,
  isWorthIt: () => boolean,
  read: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      const isMissing = error instanceof Fault && error.code === "unavailable";
      if (!isMissing || attempt === ATTEMPTS || !isWorthIt()) throw error;
      onRetry?.();
      await clock.sleep(backoffMs(attempt, BACKOFF, clock.random), signal);
    }
  }
}
