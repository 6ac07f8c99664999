import { z } from "zod";
import { JOB_ERROR_CODES } from "../errors.ts";
import { Time } from "../ids.ts";
import { ReadinessCheck } from "../readiness-check.ts";
import { ToolVersions } from "../tool-versions.ts";
import { Isolation } from "../wire/run.ts";
import { TRIAL_STATES } from "../wire/ytdlp-versions.ts";

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

const runs = z.int().min(0);
const rate = z.number().min(0).max(1).nullable();

export const SiteStatus = z
  .object({
    site: z.string().describe("A well-known site, or `other`").meta({ example: "youtube" }),
    status: z
      .enum(["ok", "impaired", "failing", "unknown"])
      .describe(
        "`ok`: at least 90 % of the runs succeeded; `impaired`: at least half; `unknown`: too few runs",
      ),
    success_rate: rate.describe(
      "Share of runs that the site served; private or removed media does not count against it. Null with fewer than five runs",
    ),
    success_rate_24h: rate.describe("The same over the last 24 hours"),
    last_success_at: Time.nullable().describe("When a run was last delivered; null if none was in 24 hours"),
    held_back_until: Time.nullable().describe(
      "No version of yt-dlp can read the site: its jobs wait until then, and one of them tries again. Null while the site is not held back",
    ),
    reason: z
      .enum(JOB_ERROR_CODES)
      .nullable()
      .describe("While the site is impaired or failing: the most frequent failure, as a job's `error_code`")
      .meta({ example: "bot_check" }),
    runs: runs.optional().describe("Only for the operator"),
    failures: z
      .record(z.string(), runs)
      .optional()
      .describe("Runs by error code, failures that are retried included; only for the operator"),
  })
  .meta({ id: "SiteStatus" });
export type SiteStatus = z.infer<typeof SiteStatus>;

/** How a site treats an exit. */
export const ExitStatus = z
  .object({
    site: z.string().describe("A well-known site, `other`, or a host that refused requests"),
    exit: z
      .string()
      .describe("Name of the exit; in a pool, the processor follows the name `direct`")
      .meta({ example: "de-1" }),
    state: z
      .enum(["closed", "open", "half_open"])
      .describe(
        "`closed`: in use; `open`: left alone until `until`; `half_open`: one run at a time tries whether the site serves it again",
      ),
    reason: z.string().nullable().describe("The last refusal, as a job's `error_code`, or `unreachable`"),
    until: Time.nullable(),
    pace_per_minute: z.number().nullable().describe("Runs per minute at most; null: without limit"),
    success_rate: rate,
    success_rate_24h: rate,
    last_success_at: Time.nullable(),
    tries_24h: runs,
  })
  .meta({ id: "ExitStatus" });
export type ExitStatus = z.infer<typeof ExitStatus>;

/** How a newer yt-dlp does at a site, next to the pinned one. */
export const YtdlpStatus = z
  .object({
    site: z.string().describe("A well-known site, or `other`").meta({ example: "youtube" }),
    version: z.string().describe("The newer version").meta({ example: "2026.11.23" }),
    state: z
      .enum(TRIAL_STATES)
      .describe(
        "`trial`: a share of the runs tries it first, and runs that the pinned version failed; `promoted`: it comes first; `rolled_back`: it comes last",
      ),
    until: Time.nullable().describe("While it is rolled back: when one run tries it again"),
    changed_at: Time.nullable().describe("When the state last changed; null: never"),
    tries: z.int().min(0).describe("Runs that tried it"),
    served: z.int().min(0).describe("Runs that it served"),
  })
  .meta({ id: "YtdlpStatus" });
export type YtdlpStatus = z.infer<typeof YtdlpStatus>;

const Paused = z.object({ name: z.string(), until: Time });

/** How the sites that jobs fetch from did in the last hour. */
export const ServiceStatus = z
  .object({
    status: z.enum(["ok", "impaired"]).describe("`impaired`: some site is impaired or failing"),
    window_seconds: z.int().min(1).describe("Time that is looked back on"),
    sites: z.array(SiteStatus).describe("Sites with runs in that time, in alphabetical order"),
    operator: z
      .object({
        paused_sources: z
          .array(Paused)
          .describe(
            "Sites that refused or limited requests, with the exit that they refused unless it is the only one",
          ),
        paused_storages: z.array(Paused),
        exits: z
          .array(ExitStatus)
          .describe("How sites treat exits, those with trouble first; `*` stands for every exit of a site"),
        ytdlp: z
          .array(YtdlpStatus)
          .describe("How newer versions of yt-dlp do; empty where processors have only one"),
        jobs_due: runs.describe("Jobs that wait for a processor, at most `MAX_BACKLOG`"),
        oldest_due_seconds: runs.nullable().describe("For how long the first of them has been due"),
        instances: z.array(z.object({ instance: z.string(), runs })).describe("Processors with runs"),
      })
      .optional()
      .describe("Only with the operator's token"),
  })
  .meta({ id: "ServiceStatus" });
export type ServiceStatus = z.infer<typeof ServiceStatus>;
