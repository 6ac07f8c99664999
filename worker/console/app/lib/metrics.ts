/** A value of Prometheus' text format. */
export interface Metric {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** @example parseMetrics('jobs{status="Failed"} 3') // [{ name: "jobs", labels: { status: "Failed" }, value: 3 }] */
export const parseMetrics = (text: string): Metric[] =>
  text.split("\n").flatMap((line) => {
    const [, name = "", labels = "", value = ""] = /^(\w+)(?:\{([^}]*)\})? (\S+)$/.exec(line) ?? [];
    if (name === "") return [];
    const pairs =
      labels === "" ? [] : labels.split(",").map((pair) => pair.replaceAll('"', "").split("=", 2));
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
