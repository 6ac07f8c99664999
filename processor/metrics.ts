/** Counters and gauges in Prometheus' text format. */

type Labels = Readonly<Record<string, string>>;

interface Metric {
  readonly kind: "counter" | "gauge";
  readonly help: string;
  readonly values: Map<string, number>;
}

export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  /** Adds to a counter; names end in `_total`. */
  count(name: string, help: string, labels: Labels = {}, by = 1): void {
    const { values } = this.#metric(name, "counter", help);
    const key = labelText(labels);
    values.set(key, (values.get(key) ?? 0) + by);
  }

  /** Sets a gauge. */
  gauge(name: string, help: string, value: number, labels: Labels = {}): void {
    this.#metric(name, "gauge", help).values.set(labelText(labels), value);
  }

  /** The text of `GET /metrics`. */
  render(): string {
    return [...this.#metrics]
      .flatMap(([name, { kind, help, values }]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${kind}`,
        ...[...values].map(([labels, value]) => `${name}${labels} ${value}`),
      ])
      .join("\n")
      .concat("\n");
  }

  #metric(name: string, kind: Metric["kind"], help: string): Metric {
    const known = this.#metrics.get(name);
    if (known) return known;
    const metric: Metric = { kind, help, values: new Map() };
    this.#metrics.set(name, metric);
    return metric;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
