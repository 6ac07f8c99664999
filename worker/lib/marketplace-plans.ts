import { z } from "zod";
import { Limits } from "../../schema/api/account.ts";

/** Plans of a marketplace by name, the lowest first, with the limits of their callers. */
export type MarketplacePlans = ReadonlyMap<string, Limits>;

const GIB = 1024 ** 3;
const HOUR = 3600;

interface Plan extends Pick<Required<Limits>, "max_concurrent_jobs" | "max_resolution"> {
  readonly hours: number;
  readonly gib: number;
}

const plan = ({ max_concurrent_jobs, max_resolution, hours, gib }: Plan): Limits => ({
  max_concurrent_jobs,
  max_resolution,
  max_duration_seconds: hours * HOUR,
  max_filesize_bytes: gib * GIB,
});

/** Plans if the operator configures none. Deliveries go to the callers' own storage, which is not limited. */
export const DEFAULT_PLANS: MarketplacePlans = new Map([
  ["BASIC", plan({ max_concurrent_jobs: 2, max_resolution: 1080, hours: 1, gib: 2 })],
  ["PRO", plan({ max_concurrent_jobs: 10, max_resolution: 2160, hours: 4, gib: 10 })],
  ["ULTRA", plan({ max_concurrent_jobs: 30, max_resolution: 2160, hours: 8, gib: 30 })],
  ["MEGA", plan({ max_concurrent_jobs: 100, max_resolution: null, hours: 12, gib: 100 })],
]);

const Plans = z.record(z.string().trim().min(1), z.strictObject(Limits.shape));

/** What is wrong with a configuration of plans. */
export class PlansError extends Error {}

/**
 * Reads plans from JSON; names do not depend on case, and an empty text gives the plans that are built in.
 *
 * @throws PlansError in one sentence
 * @example parsePlans('{"BASIC": {"max_concurrent_jobs": 1}}').get("BASIC") // { max_concurrent_jobs: 1 }
 */
export function parsePlans(text: string): MarketplacePlans {
  if (text.trim() === "") return DEFAULT_PLANS;
  const { data, error } = Plans.safeParse(parseJson(text));
  if (error) {
    const [issue] = error.issues;
    const path = issue?.path.join(".") ?? "";
    throw new PlansError(
      `must be a JSON object of plans with limits: ${path ? `${path}: ` : ""}${issue?.message}`,
    );
  }
  const plans = Object.entries(data).map(([name, limits]) => [name.toUpperCase(), limits] as const);
  if (plans.length === 0) throw new PlansError("must name at least one plan");
  return new Map(plans);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PlansError("must be JSON");
  }
}
