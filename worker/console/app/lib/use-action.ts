import { useState } from "preact/hooks";

/** Something that a person does; the last failure is kept until the next try. */
export interface Action<A extends unknown[]> {
  readonly isRunning: boolean;
  readonly error: unknown;
  readonly run: (...args: A) => Promise<void>;
  readonly clear: () => void;
}

export function useAction<A extends unknown[]>(work: (...args: A) => Promise<void>): Action<A> {
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState<unknown>();
  return {
    isRunning,
    error,
    clear: () => setError(undefined),
    run: async (...args) => {
      if (isRunning) return;
      setRunning(true);
      setError(undefined);
      try {
        await work(...args);
      } catch (failure) {
        setError(failure);
      } finally {
        setRunning(false);
      }
    },
  };
}
