/** Prometheus' text format (version 0.0.4), which Worker and processor answer on `GET /metrics`. */

/** The media type of the format. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type MetricLabels = Readonly<Record<string, string>>;

/** One value of a metric. */
export interface Sample {
  /** Of histograms and summaries. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
  readonly labels?: MetricLabels;
  readonly value: number;
}

/** All values of one name. Names of counters end in `_total`; times are seconds, sizes bytes. */
export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Upper bounds of how long runs and jobs take, in seconds. */
export const SECONDS_BUCKETS = [1, 5, 15, 60, 300, 900, 3_600, 14_400] as const;

/** A distribution over {@link SECONDS_BUCKETS}. */
export interface Distribution {
  /** How many values are at most each bound. */
  readonly atMost: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** The samples of one histogram. */
export function histogramSamples(labels: MetricLabels, { atMost, count, sum }: Distribution): Sample[] {
  const bucket = (le: string, value: number): Sample => ({
    suffix: "_bucket",
    labels: { ...labels, le },
    value,
  });
  return [
    ...SECONDS_BUCKETS.map((bound, index) => bucket(`${bound}`, atMost[index] ?? 0)),
    bucket("+Inf", count),
    { suffix: "_sum", labels, value: sum },
    { suffix: "_count", labels, value: count },
  ];
}

/**
 * The text of `GET /metrics`.
 *
 * @example renderMetrics([{ name: "up", type: "gauge", help: "Always 1", samples: [{ value: 1 }] }])
 */
export function renderFamilies(families: readonly MetricFamily[]): string {
  const lines = families.flatMap(({ name, type, help, samples }) => [
    `# HELP ${name} ${escaped(help)}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ suffix = "", labels = {}, value }) => `${name}${suffix}${labelText(labels)} ${value}`),
  ]);
  return `${lines.join("\n")}\n`;
}

/** @example labelText({ site: "youtube" }) // '{site="youtube"}' */
export function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
