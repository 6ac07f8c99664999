import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { S3Target } from "../../../schema/wire/run.ts";

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
  const child = fork(join(import.meta.dirname, "floor.ts"));
  await once(child, "message");
  return {
    async measure(sources, { endpoint, bucket }) {
      const order: FloorOrder = { sources, store: `${endpoint}/${bucket}/floor` };
      child.send(order);
      const [response] = await once(child, "message");
      if (typeof response !== "number") throw new Error(`The floor could not be measured: ${response}`);
      return response;
    },
    async stop() {
      const exited = once(child, "exit");
      child.disconnect();
      await exited;
    },
  };
}
