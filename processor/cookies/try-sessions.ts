import type { SourceSession } from "./source-session.ts";

/**
 * Does something with the first session, and again with the next one each time that the source refuses the present one.
 *
 * @param signal once it is aborted, a failure is final
 * @throws the last failure
 */
export async function trySessions<T>(
  session: SourceSession,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  await session.begin();
  for (;;) {
    try {
      const result = await work();
      session.end();
      return result;
    } catch (error) {
      if (!signal.aborted && (await session.advance(error))) continue;
      session.end(error);
      throw error;
    }
  }
}
