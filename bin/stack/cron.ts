/** The schedule of wrangler.toml. */
const SCHEDULE = "* * * * *";
const MINUTE = 60_000;

/**
 * Drives the Worker's cron, which does not fire by itself on the embedded platform: once now, then each minute.
 *
 * @returns stops it
 */
export function driveCron(workerUrl: string, log: (line: string) => void): () => void {
  const stopped = new AbortController();
  const tick = async () => {
    const url = `${workerUrl}/cdn-cgi/local/scheduled?cron=${encodeURIComponent(SCHEDULE)}`;
    try {
      const answer = await fetch(url, {
        signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(MINUTE)]),
      });
      await answer.arrayBuffer();
      if (!answer.ok) log(`the scheduled work of this minute answered ${answer.status}; see logs/worker.log`);
    } catch (error) {
      if (!stopped.signal.aborted)
        log(`the scheduled work of this minute failed: ${(error as Error).message}`);
    }
  };
  void tick();
  const timer = setInterval(() => void tick(), MINUTE);
  return () => {
    clearInterval(timer);
    stopped.abort();
  };
}
