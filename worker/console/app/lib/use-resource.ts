import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** Something that is loaded, and how to load it again. */
export interface Resource<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly isLoading: boolean;
  readonly reload: () => void;
  /** Puts a newer state in without asking the server. */
  readonly replace: (data: T) => void;
}

/**
 * Loads when the page appears and whenever the key changes; what was loaded stays while it is loaded again. When the
 * network comes back, it loads again.
 *
 * @param key identifies what is loaded
 * @param pollMs null, or after how many milliseconds it is loaded again while the page is visible
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  pollMs: (data: T) => number | null = () => null,
): Resource<T> {
  const [state, setState] = useState<{
    key: string;
    data?: T | undefined;
    error?: unknown;
    isLoading: boolean;
  }>({
    key,
    isLoading: true,
  });
  const [round, setRound] = useState(0);
  const latest = useRef({ load, pollMs });
  latest.current = { load, pollMs };
  const reload = useCallback(() => setRound((count) => count + 1), []);

  useEffect(() => {
    const abort = new AbortController();
    setState((before) => ({ key, data: before.key === key ? before.data : undefined, isLoading: true }));
    latest.current.load(abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setState({ key, data, isLoading: false });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        setState((before) => ({ key, data: before.data, error, isLoading: false }));
      },
    );
    return () => abort.abort();
  }, [key, round]);

  useEffect(() => {
    addEventListener("online", reload);
    return () => removeEventListener("online", reload);
  }, [reload]);

  const { data } = state;
  useEffect(() => {
    const ms = data === undefined ? null : latest.current.pollMs(data);
    if (ms === null) return;
    const timer = setTimeout(() => {
      if (document.visibilityState === "visible") reload();
    }, ms);
    return () => clearTimeout(timer);
  }, [data, reload]);

  return {
    data: state.key === key ? data : undefined,
    error: state.key === key ? state.error : undefined,
    isLoading: state.isLoading || state.key !== key,
    reload,
    replace: useCallback((next: T) => setState({ key, data: next, isLoading: false }), [key]),
  };
}
