import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Resource } from "../lib/use-resource.ts";
import { useTexts } from "../texts/texts.ts";
import { ErrorAlert } from "./alert.tsx";

const SLOW_MS = 4_000;

/** Says that something is being loaded, and after a while that it takes long. */
export function Loading() {
  const texts = useTexts();
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      {isSlow ? texts.slow : texts.loading}
    </p>
  );
}

interface LoadedProps<T> {
  readonly resource: Resource<T>;
  readonly children: (data: T) => ComponentChildren;
}

/** What was loaded; before that that it is being loaded; the failure, next to what was loaded last. */
export function Loaded<T>({ resource, children }: LoadedProps<T>) {
  const { data, error, isLoading, reload } = resource;
  return (
    <>
      {!isLoading && <ErrorAlert error={error} onRetry={reload} />}
      {data === undefined ? isLoading && <Loading /> : children(data)}
    </>
  );
}
