import { z } from "zod";

export const Alive = z.object({ status: z.literal("ok"), version: z.string() }).meta({ id: "Alive" });

const Part = z.object({
  ok: z.boolean(),
  detail: z.string().optional().describe("What is wrong, for the operator"),
});

/** Readiness: 200 when every part answers, else 503 with the same body. */
export const Readiness = z
  .object({
    status: z.enum(["ready", "unavailable"]),
    parts: z.object({ database: Part, queue: Part, processor: Part }),
  })
  .meta({ id: "Readiness" });
export type Readiness = z.infer<typeof Readiness>;
