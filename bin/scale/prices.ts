/**
 * Cloudflare's list prices of the Workers Paid plan in US$, as its documentation had them when docs/scale.md was written.
 * That page names the pages.
 */
export const PRICES = {
  plan: 5,
  workers: { requests: { included: 10e6, perMillion: 0.3 }, cpuMs: { included: 30e6, perMillion: 0.02 } },
  d1: {
    rowsRead: { included: 25e9, perMillion: 0.001 },
    rowsWritten: { included: 50e6, perMillion: 1 },
    storedGb: { included: 5, each: 0.75 },
  },
  queues: { operations: { included: 1e6, perMillion: 0.4 } },
  r2: {
    storedGb: { included: 10, each: 0.015 },
    classA: { included: 1e6, perMillion: 4.5 },
    classB: { included: 10e6, perMillion: 0.36 },
  },
  containers: {
    cpuSeconds: { included: 375 * 60, each: 0.00002 },
    memoryGibSeconds: { included: 25 * 3600, each: 0.0000025 },
    diskGbSeconds: { included: 200 * 3600, each: 0.00000007 },
    egressGb: {
      "North America and Europe": { included: 1_000, each: 0.025 },
      "Oceania, Korea, Taiwan": { included: 500, each: 0.05 },
      "everywhere else": { included: 500, each: 0.04 },
    },
  },
  durableObjects: {
    requests: { included: 1e6, perMillion: 0.15 },
    gbSeconds: { included: 400e3, perMillion: 12.5 },
  },
  logs: { events: { included: 20e6, perMillion: 0.6 } },
} as const;

/** A price of which some is included; `each` is of one unit, `perMillion` of a million of them. */
export type Tariff = { readonly included: number } & (
  | { readonly each: number }
  | { readonly perMillion: number }
);

/** @example costOf({ included: 10, each: 2 }, 15) // 10 */
export function costOf(tariff: Tariff, units: number): number {
  const charged = Math.max(0, units - tariff.included);
  return "each" in tariff ? charged * tariff.each : (charged / 1e6) * tariff.perMillion;
}
