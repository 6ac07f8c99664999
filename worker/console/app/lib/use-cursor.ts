import { useState } from "preact/hooks";

/** Pages of a list with cursors: the way back is remembered. */
export interface CursorPages {
  /** Undefined on the first page. */
  readonly cursor: string | undefined;
  readonly newer: (() => void) | null;
  readonly older: (next: string | null) => (() => void) | null;
}

/** @param key another list begins with its first page again */
export function useCursor(key: string): CursorPages {
  const [{ of, trail }, setState] = useState<{ of: string; trail: readonly string[] }>({
    of: key,
    trail: [],
  });
  const known = of === key ? trail : [];
  return {
    cursor: known.at(-1),
    newer: known.length === 0 ? null : () => setState({ of: key, trail: known.slice(0, -1) }),
    older: (next) => (next === null ? null : () => setState({ of: key, trail: [...known, next] })),
  };
}
