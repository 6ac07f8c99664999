import { join } from "node:path";
import type { S3Target } from "../../../../schema/wire/run.ts";
import { startProgram } from "../measuring-program.ts";

export interface RelayOrder {
  readonly source: string;
  /** Object URL that accepts a plain PUT of a part. */
  readonly store: string;
}

export interface RelayCost {
  readonly ms: number;
  readonly cpuSeconds: number;
}

/** A program that only reads a file over TLS, hashes it and stores it over TLS. */
export interface Relay {
  pass(source: string, target: S3Target): Promise<RelayCost>;
  stop(): Promise<void>;
}

export async function startRelay(): Promise<Relay> {
  const { ask, stop } = await startProgram<RelayOrder, RelayCost>(join(import.meta.dirname, "bare-relay.ts"));
  return {
    pass: (source, { endpoint, bucket }) => ask({ source, store: `${endpoint}/${bucket}/relay` }),
    stop,
  };
}
