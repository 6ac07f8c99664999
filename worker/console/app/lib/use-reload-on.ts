import { useEffect, useRef } from "preact/hooks";

/** Several changes within this time load once. */
const PAUSE_MS = 300;

/** Loads again, soon after a counter of changes has moved. */
export function useReloadOn(changes: number, reload: () => void): void {
  const seen = useRef(changes);
  useEffect(() => {
    if (seen.current === changes) return;
    const timer = setTimeout(() => {
      seen.current = changes;
      reload();
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [changes, reload]);
}
