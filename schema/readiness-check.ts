import { z } from "zod";

/**
 * What one look at a part of the service found.
 *
 * - `ok`: as it should be
 * - `warning`: jobs of some sources or with some options fail or come out poorer
 * - `failed`: jobs fail
 *
 * @example { "name": "challenge_scripts", "status": "warning", "detail": "…", "advice": "…" }
 */
export const ReadinessCheck = z
  .object({
    name: z.string().describe("What was looked at").meta({ example: "challenge_scripts" }),
    status: z.enum(["ok", "warning", "failed"]),
    detail: z.string().describe("What was found"),
    advice: z.string().optional().describe("What to do about it"),
  })
  .meta({ id: "ReadinessCheck" });
export type ReadinessCheck = z.infer<typeof ReadinessCheck>;
