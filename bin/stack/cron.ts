import { runScheduled } from "./platform/control.ts";

const MINUTE = 60_000;

/**
 * Drives the Worker's cron, which does not fire automatically on the embedded platform: once now, then each minute.
 *
 * @param controlFile the file that says how to control the platform
 * @returns stops it
 */
export function driveCron(controlFile: string, log: (line: string) => void): () => void {
  const stopped = new AbortController();
  const tick = async () => {
    try {
      await runScheduled(controlFile, AbortSignal.any([stopped.signal, AbortSignal.timeout(MINUTE)]));
    } catch (error) {
      if (!stopped.signal.aborted)
        log(`the scheduled work of this minute failed: ${(error as Error).message}; see logs/worker.log`);
    }
  };
  void tick();
  const timer = setInterval(() => void tick(), MINUTE);
  return () => {
    clearInterval(timer);
    stopped.abort();
  };
}
