import { join } from "node:path";
import type { S3Target } from "../../../schema/wire/run.ts";
import { startProgram } from "./measuring-program.ts";

/** Options of the baseline. */
export interface FloorOrder {
  readonly sources: readonly string[];
  /** Object URL that accepts a plain PUT. */
  readonly store: string;
}

export interface Floor {
  /** Milliseconds of the slower of download alone and upload alone. */
  measure(sources: readonly string[], target: S3Target): Promise<number>;
  stop(): Promise<void>;
}

export async function startFloor(): Promise<Floor> {
  const { ask, stop } = await startProgram<FloorOrder, number>(join(import.meta.dirname, "floor.ts"));
  return {
    measure: (sources, { endpoint, bucket }) => ask({ sources, store: `${endpoint}/${bucket}/floor` }),
    stop,
  };
}
