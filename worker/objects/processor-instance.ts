import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";

/** One container instance of the processor; it owns start, readiness, wakefulness and end of the container. */
export class ProcessorInstance extends DurableObject<Env> {
  override async fetch(_request: Request): Promise<Response> {
    return new Response(null, { status: 502 });
  }
  async health(): Promise<{ ok: boolean; detail?: string }> {
    return { ok: false, detail: "no containers here" };
  }
  async keepAwake(): Promise<void> {}
}
