import { ASSUMED, type Assumptions, COST_NAMES, type Scale, scaleOf } from "./model.ts";

/** Jobs a day that docs/scale.md is about. */
const VOLUMES = [1_000, 100_000, 1_000_000] as const;

/** The tables of docs/scale.md. @param changed assumptions that differ from that page's */
export function formatScale(changed: Partial<Assumptions> = {}): string {
  const scales = VOLUMES.map((jobs) => scaleOf(jobs, { ...ASSUMED, ...changed }));
  const row = (name: string, value: (scale: Scale) => string) => [name, ...scales.map(value)];
  const dollars = (value: number) => whole(value);
  const takes = [
    row("instances at the peak", ({ instancesAtPeak }) => whole(instancesAtPeak)),
    row("instances awake on average", ({ awake }) => short(awake)),
    row("D1 statements per second at the peak", ({ statementsPerSecond }) => short(statementsPerSecond)),
    row("D1 database, GB", ({ databaseGb }) => short(databaseGb)),
    row("bytes out of containers a month, TB", ({ egressGb }) => short(egressGb / 1000)),
  ];
  const costs = [
    ...COST_NAMES.map((name) => row(name, ({ costs: all }) => dollars(all[name]))),
    row("**without traffic**", (scale) => `**${dollars(total(scale))}**`),
    ...Object.keys(scales[0]?.egress ?? {}).map((region) =>
      row(`traffic out of containers, ${region}`, ({ egress }) =>
        dollars(egress[region as keyof Scale["egress"]]),
      ),
    ),
  ];
  const spread = [
    row("packed: awake on average", ({ awake }) => short(awake)),
    row("spread: awake on average", ({ awakeIfSpread }) => short(awakeIfSpread)),
    row("packed: memory and disk, US$ a month", (scale) =>
      dollars(scale.costs["containers: memory and disk"]),
    ),
    row("spread: memory and disk, US$ a month", ({ memoryIfSpread }) => dollars(memoryIfSpread)),
  ];
  const headings = VOLUMES.map(whole);
  return [
    table(["jobs a day", ...headings], takes),
    table(["US$ a month", ...headings], costs),
    table(["placement of jobs", ...headings], spread),
  ].join("\n");
}

const total = ({ costs }: Scale): number => COST_NAMES.reduce((sum, name) => sum + costs[name], 0);

/** @example whole(74_975) // "74,975" */
const whole = (value: number): string => Math.round(value).toLocaleString("en");

/** Two digits, or all digits of a whole number. @example short(0.9523) // "0.95" */
const short = (value: number): string => (value >= 10 ? whole(value) : `${Number(value.toPrecision(2))}`);

const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
