import { z } from "zod";
import { ToolVersions } from "../tool-versions.ts";
import { Isolation } from "../wire/run.ts";

export const Alive = z
  .object({
    status: z.literal("ok"),
    version: z.string(),
    tools: ToolVersions.nullable().describe("Of the processor; null while none is awake"),
    isolation: Isolation.nullable().describe(
      "What the processor's machine enforces around each run of a tool; null while none is awake",
    ),
  })
  .meta({ id: "Alive" });

const Part = z.object({
  ok: z.boolean(),
  detail: z.string().optional().describe("What is wrong, for the operator"),
});

const Database = Part.extend({
  size_bytes: z
    .int()
    .min(0)
    .nullable()
    .describe("What the database takes; null if unknown")
    .meta({ example: 52_428_800 }),
});

/** Readiness: 200 when every part answers, else 503 with the same body. */
export const Readiness = z
  .object({
    status: z.enum(["ready", "unavailable"]),
    parts: z.object({ database: Database, queue: Part, processor: Part }),
  })
  .meta({ id: "Readiness" });
export type Readiness = z.infer<typeof Readiness>;
