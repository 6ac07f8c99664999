import { z } from "zod";
import { ReadinessCheck } from "../readiness-check.ts";
import { ToolVersions } from "../tool-versions.ts";
import { Isolation } from "../wire/run.ts";

/** `GET /` for programs. */
export const About = z
  .object({
    name: z.string().meta({ example: "Waterspout" }),
    version: z.string().meta({ example: "0.1.0" }),
    console: z.url(),
    documentation: z.url(),
    openapi: z.url(),
    readiness: z.url(),
  })
  .meta({ id: "About" });

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

/**
 * Readiness: 200 when every part works, else 503 with the same body. `degraded` is a 200, since most jobs are delivered:
 * some check warns, and jobs of some sources or with some options fail.
 */
export const Readiness = z
  .object({
    status: z
      .enum(["ready", "degraded", "unavailable"])
      .describe("`degraded`: jobs are delivered, but some check warns of those that will not be"),
    parts: z.object({
      database: Database,
      queue: Part,
      storage: Part.describe("The managed bucket, by an object that is written and deleted again"),
      processor: Part.extend({
        checks: z
          .array(ReadinessCheck)
          .describe("What the processors found out about themselves; empty while none is awake"),
      }),
    }),
  })
  .meta({ id: "Readiness" });
export type Readiness = z.infer<typeof Readiness>;
