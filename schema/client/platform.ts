/** What the client needs from its platform; tests replace it. */
export interface Platform {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Resolves after a number of milliseconds; rejects with the signal's reason. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** A random number from 0 to below 1. */
  readonly random: () => number;
}

/** The platform's own functions. */
export const PLATFORM: Platform = {
  fetch: (url, init) => fetch(url, init),
  wait,
  now: () => Date.now(),
  random: () => Math.random(),
};

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
