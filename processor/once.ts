/** Asks once, however often the response is needed. */
export function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let response: Promise<T> | null = null;
  return () => {
    response ??= ask();
    return response;
  };
}
