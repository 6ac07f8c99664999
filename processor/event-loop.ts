import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Metrics } from "./metrics.ts";

/** Sampling interval of the histogram, in milliseconds; shorter delays are not seen. */
const RESOLUTION_MS = 10;
const NANOSECONDS = 1e9;

/** Measures delays of the event loop: whatever blocks it also blocks `/healthz`, heartbeats and every other run. */
export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  /** Sets the gauges to the delays since the last call. */
  report(metrics: Metrics): void {
    const help = "Delay of the event loop in seconds since the last scrape";
    for (const [quantile, nanoseconds] of [
      ["0.5", this.#histogram.percentile(50)],
      ["0.99", this.#histogram.percentile(99)],
      ["1", this.#histogram.max],
    ] as const) {
      const seconds = Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1000);
      metrics.gauge("waterspout_event_loop_delay_seconds", help, Number(seconds.toFixed(6)), { quantile });
    }
    this.#histogram.reset();
  }

  close(): void {
    this.#histogram.disable();
  }
}
