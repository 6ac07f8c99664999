/** A request to stop: SIGINT, SIGTERM or SIGHUP. */
export interface StopRequest {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Resolves with the first signal. */
  readonly received: Promise<NodeJS.Signals>;
}

/** One Ctrl-C reaches a command several times: from the terminal, from npm, and from the set-up. In milliseconds. */
const SAME_REQUEST = 1_000;

/**
 * Turns the first signal into a request to stop. A second one, more than a second later, ends this process at once;
 * the stack's guard then ends the processes that it started.
 */
export function onStopSignal(report: (signal: NodeJS.Signals) => void): StopRequest {
  const controller = new AbortController();
  let firstAt: number | undefined;
  let resolve: (signal: NodeJS.Signals) => void;
  // not Promise.withResolvers: the published command runs on Node 20, too
  const received = new Promise<NodeJS.Signals>((settle) => {
    resolve = settle;
  });
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt !== undefined) {
      if (Date.now() - firstAt > SAME_REQUEST) process.exit(1);
      return;
    }
    firstAt = Date.now();
    report(signal);
    controller.abort();
    resolve(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  return { signal: controller.signal, received };
}
