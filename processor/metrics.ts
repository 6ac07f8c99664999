import {
  type Distribution,
  histogramSamples,
  type MetricFamily,
  type MetricLabels,
  renderFamilies,
  SECONDS_BUCKETS,
} from "../schema/telemetry/prometheus.ts";

interface Distributed extends Distribution {
  readonly atMost: number[];
  count: number;
  sum: number;
}

interface Metric {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly values: Map<string, { readonly labels: MetricLabels; value: number }>;
  readonly distributions: Map<string, { readonly labels: MetricLabels; readonly of: Distributed }>;
}

/** Counters, gauges and histograms of this process, in Prometheus' text format. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  /** Adds to a counter; names end in `_total`. */
  count(name: string, help: string, labels: MetricLabels = {}, by = 1): void {
    const { values } = this.#metric(name, "counter", help);
    const key = JSON.stringify(labels);
    values.set(key, { labels, value: (values.get(key)?.value ?? 0) + by });
  }

  /** Sets a gauge. */
  gauge(name: string, help: string, value: number, labels: MetricLabels = {}): void {
    this.#metric(name, "gauge", help).values.set(JSON.stringify(labels), { labels, value });
  }

  /** Adds a time to a histogram. */
  observe(name: string, help: string, seconds: number, labels: MetricLabels = {}): void {
    const { distributions } = this.#metric(name, "histogram", help);
    const key = JSON.stringify(labels);
    const { of } = distributions.get(key) ?? {
      of: { atMost: SECONDS_BUCKETS.map(() => 0), count: 0, sum: 0 },
    };
    SECONDS_BUCKETS.forEach((bound, index) => {
      if (seconds <= bound) of.atMost[index] = (of.atMost[index] ?? 0) + 1;
    });
    of.count += 1;
    of.sum += seconds;
    distributions.set(key, { labels, of });
  }

  /** The text of `GET /metrics`. */
  render(): string {
    return renderFamilies(
      [...this.#metrics].map(([name, { kind, help, values, distributions }]): MetricFamily => {
        const samples = [
          ...values.values(),
          ...[...distributions.values()].flatMap(({ labels, of }) => histogramSamples(labels, of)),
        ];
        return { name, help, type: kind, samples };
      }),
    );
  }

  #metric(name: string, kind: Metric["kind"], help: string): Metric {
    const known = this.#metrics.get(name);
    if (known) return known;
    const metric: Metric = { kind, help, values: new Map(), distributions: new Map() };
    this.#metrics.set(name, metric);
    return metric;
  }
}
