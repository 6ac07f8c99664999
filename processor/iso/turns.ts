import { Unusual } from "./box-view.ts";
import type { Chunk, SourceTrack } from "./source-track.ts";

/** One chunk's turn. */
export interface Turn {
  readonly source: SourceTrack;
  readonly chunk: Chunk;
}

/**
 * The chunks of all tracks, each time the one that is decoded first. Of fragments, each must have been read before the
 * next one is asked for.
 */
export async function* inTurns(sources: readonly SourceTrack[]): AsyncGenerator<Turn> {
  const waiting = await Promise.all(
    sources.map(async (source) => {
      const chunks = source.chunks();
      return { source, chunks, chunk: await nextOf(chunks) };
    }),
  );
  for (;;) {
    const times = waiting.map(({ chunk }) => chunk?.seconds ?? Number.POSITIVE_INFINITY);
    const first = waiting[times.indexOf(Math.min(...times))];
    if (!first?.chunk) return;
    yield { source: first.source, chunk: first.chunk };
    first.chunk = await nextOf(first.chunks);
  }
}

/** Null at the end. */
async function nextOf(chunks: AsyncIterator<Chunk>): Promise<Chunk | null> {
  const { done, value } = await chunks.next();
  return done ? null : value;
}

/**
 * Reads a chunk from its source's stream, and what nobody wants in front of it.
 *
 * @throws Unusual when the stream is already behind it; EndedEarly
 */
export async function pourChunk(
  { source: { stream }, chunk }: Turn,
  take: (bytes: Buffer) => Promise<void> | void,
): Promise<void> {
  if (chunk.offset < stream.position) throw new Unusual("samples in another order");
  await stream.skip(chunk.offset - stream.position);
  await stream.pour(chunk.bytes, take);
}
