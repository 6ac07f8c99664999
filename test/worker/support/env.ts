import type { D1Migration } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import type { Env } from "../../../worker/env.ts";

/** The bindings as the Worker types them. */
export const env = bound as unknown as Env & {
  readonly MIGRATIONS: D1Migration[];
  readonly ADMIN_TOKEN: string;
};
