import "../../messages.ts";
import { z } from "zod";
import { Id, Time } from "../../ids.ts";
import { Adjustment } from "../../media.ts";
import { clampedInt } from "../clamped-int.ts";
import { jobOptions, refineOptions, WebUrl, withoutNulls } from "../job-request.ts";

/** Subscriptions: a source that is followed, and what happens to its new entries. */

/** `active`: the source is read on schedule. `paused`: it is not, and entries wait. */
export const SUBSCRIPTION_STATUSES = ["active", "paused"] as const;

/**
 * States of an entry. `seen`: it was there before, or is older than the backfill. `new`: its job is about to be created.
 * `waiting`: scheduled, live, private, or postponed. `queued`: it has a job. `removed`: it vanished while it waited.
 * `erased`: retention deleted its file.
 */
export const ENTRY_STATUSES = [
  "seen",
  "new",
  "filtered",
  "waiting",
  "queued",
  "delivered",
  "failed",
  "removed",
  "erased",
] as const;
export type EntryStatus = (typeof ENTRY_STATUSES)[number];

/** Shortest interval between two readings of a source, in seconds. */
export const MIN_INTERVAL_SECONDS = 300;
const MAX_INTERVAL_SECONDS = 30 * 24 * 60 * 60;
/** Interval of a subscription without a schedule, in seconds. */
export const DEFAULT_INTERVAL_SECONDS = 3600;
const MAX_TEMPLATE = 200;
const MAX_PATTERN = 200;

const whole = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max.toLocaleString("en")}`;
  return z.int(message).min(min, message).max(max, message);
};
const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, "must be a date such as 2026-11-01")
  .refine((text) => !Number.isNaN(Date.parse(text)), "must be a date such as 2026-11-01");

/** Which of the entries that the source already has are delivered, too. */
export const Backfill = z
  .discriminatedUnion(
    "type",
    [
      z.object({ type: z.literal("none") }),
      z.object({ type: z.literal("last"), count: whole(1, 5000).describe("The newest entries") }),
      z.object({ type: z.literal("since"), date: day.describe("UTC; entries without a date are left out") }),
      z.object({ type: z.literal("all") }),
    ],
    "must have a type: none, last, since or all",
  )
  .describe("Which of the entries that the source already has are delivered, too; default none")
  .meta({ id: "Backfill" });
export type Backfill = z.infer<typeof Backfill>;

const words = z
  .array(z.string().trim().min(1, "must not be empty").max(100), "must be a list of words")
  .max(50, "must have at most 50 words");
const kindOf = (what: string) =>
  z.enum(["include", "exclude", "only"], "must be include, exclude or only").optional().describe(what);

/** Which entries are delivered. What the source does not state does not filter an entry out. */
export const Filters = z
  .object({
    title_words: words.optional().describe("The title contains one of these, in any case"),
    title_without: words.optional().describe("The title contains none of these"),
    title_pattern: z
      .string()
      .min(1)
      .max(MAX_PATTERN, `must have at most ${MAX_PATTERN} characters`)
      .optional()
      .describe("The title matches this regular expression in the syntax of RE2, in any case"),
    min_duration: whole(1, 1_000_000).optional().describe("Seconds"),
    max_duration: whole(1, 1_000_000).optional().describe("Seconds"),
    published_after: day.optional().describe("UTC"),
    published_before: day.optional().describe("UTC"),
    live: kindOf("Streams and their recordings; default include"),
    shorts: kindOf("Vertical short videos; default include"),
  })
  .refine(
    ({ min_duration: min, max_duration: max }) => min === undefined || max === undefined || min <= max,
    { path: ["min_duration"], message: "must not be greater than max_duration" },
  )
  .meta({ id: "SubscriptionFilters" });
export type Filters = z.infer<typeof Filters>;

/** When the source is read. */
export const Schedule = z
  .union(
    [
      z.strictObject({
        interval_seconds: whole(MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS).describe(
          "Varied by up to 2.5 % in both directions, so that sources are not read at the same moment",
        ),
      }),
      z.strictObject({
        cron: z.string().max(100).describe("Five fields: minute, hour, day, month, weekday"),
        time_zone: z.string().max(64).optional().describe("IANA name, such as Europe/Berlin; default UTC"),
      }),
    ],
    "must be an interval_seconds of 300 or more, or a cron with its time_zone",
  )
  .describe("When the source is read; default: every hour")
  .meta({ id: "SubscriptionSchedule", example: { interval_seconds: 1800 } });
export type Schedule = z.infer<typeof Schedule>;

/** Which delivered files are deleted again. */
export const Retention = z
  .object({
    keep_last: whole(1, 100_000).optional().describe("Number of files that are kept, the newest ones"),
    keep_days: whole(1, 3650).optional().describe("Days for which a file is kept"),
  })
  .describe("Deletes delivered files; only those of this subscription. Default: none")
  .meta({ id: "SubscriptionRetention" });
export type Retention = z.infer<typeof Retention>;

const template = (what: string, example: string) =>
  z
    .string()
    .trim()
    .min(1, "must not be empty")
    .max(MAX_TEMPLATE, `must have at most ${MAX_TEMPLATE} characters`)
    .describe(`${what} with {title}, {date}, {episode}, {id} and {channel}`)
    .meta({ example });

const { batch: _batch, paused: _paused, filename: _filename, folder: _folder, ...options } = jobOptions;

/** Options of the jobs: those of `POST /jobs`, except what the subscription itself says. */
export const SubscriptionJob = z
  .preprocess(withoutNulls, z.object(options).superRefine(refineOptions))
  .describe("Options of the jobs, as for POST /jobs; storage and webhook_url as well")
  .meta({ id: "SubscriptionJob" });
export type SubscriptionJob = z.infer<typeof SubscriptionJob>;

const settings = {
  name: z.string().trim().min(1).max(200).optional().describe("Shown in lists and used as title of the feed"),
  job: SubscriptionJob.optional(),
  filters: Filters.optional(),
  schedule: Schedule.optional(),
  retention: Retention.optional(),
  filename: template("Name of the files, without extension,", "{date} {title}").optional(),
  folder: template("Folder of the files,", "podcasts/{channel}").optional(),
} as const;

/** `POST /subscriptions` and `POST /subscriptions/plan`. */
export const SubscriptionRequest = z
  .preprocess(
    withoutNulls,
    z.object({
      url: WebUrl.describe("A feed, channel, playlist or show"),
      ...settings,
      backfill: Backfill.optional(),
      paused: z.boolean().optional().describe("Created paused"),
    }),
  )
  .meta({ id: "SubscriptionRequest" });
export type SubscriptionRequest = z.infer<typeof SubscriptionRequest>;

/** `PATCH /subscriptions/{id}`: what is given replaces what was there as a whole. */
export const SubscriptionChange = z
  .object({
    ...settings,
    name: settings.name.nullable(),
    filename: settings.filename.nullable(),
    folder: settings.folder.nullable(),
    rotate_feed_token: z
      .literal(true)
      .optional()
      .describe("The former address of the podcast feed stops working"),
  })
  .meta({ id: "SubscriptionChange" });
export type SubscriptionChange = z.infer<typeof SubscriptionChange>;

const text = z.string().nullable();

const subscriptionFacts = {
  id: Id,
  name: text,
  status: z.enum(SUBSCRIPTION_STATUSES),
  url: z.string(),
  title: text.describe("As the source calls itself; null before it was read"),
  job: z.looseObject({}).describe("Options of the jobs, without storage"),
  storage: z.enum(["default", "inline"]).describe("default: the account's storage, else the managed bucket"),
  backfill: Backfill,
  filters: Filters,
  schedule: Schedule,
  retention: Retention,
  filename: text,
  folder: text,
  failing_since: Time.nullable().describe(
    "Since when the source could not be read, in three readings or more",
  ),
  last_error: text,
  created_at: Time,
  updated_at: Time,
};

/** A subscription in a list. */
export const SubscriptionSummary = z.object(subscriptionFacts).meta({ id: "SubscriptionSummary" });
export type SubscriptionSummary = z.infer<typeof SubscriptionSummary>;

/** `GET /subscriptions/{id}` */
export const Subscription = z
  .object({
    ...subscriptionFacts,
    polled_at: Time.nullable().describe("When the source was last read"),
    next_poll_at: Time.nullable().describe("When it is read next; null while paused"),
    push: z.boolean().describe("A hub pushes new entries (WebSub); the schedule is the fallback"),
    entries: z
      .object(
        Object.fromEntries(ENTRY_STATUSES.map((status) => [status, z.int().min(0)])) as Record<
          EntryStatus,
          z.ZodInt
        >,
      )
      .describe("Number of entries by status"),
    feed_url: z.string().describe("Podcast feed of the delivered files; its token is a secret"),
    adjustments: z.array(Adjustment).optional().describe("What was corrected in the options of the jobs"),
  })
  .meta({ id: "Subscription" });
export type Subscription = z.infer<typeof Subscription>;

export const SubscriptionList = z
  .object({ subscriptions: z.array(SubscriptionSummary), next_cursor: Id.nullable() })
  .meta({ id: "SubscriptionList" });

export const SubscriptionListQuery = z.object({
  status: z.enum(SUBSCRIPTION_STATUSES, `must be one of ${SUBSCRIPTION_STATUSES.join(", ")}`).optional(),
  limit: clampedInt(1, 100, 20),
  cursor: Id.optional().describe("next_cursor of the previous page"),
});
export type SubscriptionListQuery = z.output<typeof SubscriptionListQuery>;

/** An entry of a subscription. */
export const SubscriptionEntry = z
  .object({
    id: Id,
    status: z.enum(ENTRY_STATUSES),
    job_id: Id.nullable().describe("Null while it has no job"),
    url: z.string(),
    title: text,
    published_at: Time.nullable(),
    duration: z.number().nullable().describe("Seconds"),
    episode: z.int().nullable().describe("Counts the entries that were accepted"),
    reason: text.describe("Why it waits, was filtered out or failed"),
    check_at: Time.nullable().describe(
      "When a waiting entry is looked at again; null: when the source changes",
    ),
    delivered_at: Time.nullable(),
    created_at: Time,
  })
  .meta({ id: "SubscriptionEntry" });
export type SubscriptionEntry = z.infer<typeof SubscriptionEntry>;

export const SubscriptionEntryList = z
  .object({ entries: z.array(SubscriptionEntry), next_cursor: Id.nullable() })
  .meta({ id: "SubscriptionEntryList" });

export const SubscriptionEntryQuery = z.object({
  status: z.enum(ENTRY_STATUSES, `must be one of ${ENTRY_STATUSES.join(", ")}`).optional(),
  limit: clampedInt(1, 100, 50),
  cursor: Id.optional().describe("next_cursor of the previous page"),
});
export type SubscriptionEntryQuery = z.output<typeof SubscriptionEntryQuery>;

/** `POST /subscriptions/plan`: what a subscription would do with the source as it is now. */
export const SubscriptionPlan = z
  .object({
    title: text,
    entries: z
      .array(
        z.object({
          url: z.string(),
          title: text,
          published_at: Time.nullable(),
          filename: text.describe("Null if it follows from the media"),
          folder: text,
          delivered: z.boolean().describe("Delivered at once, by backfill and filters"),
          reason: text.describe("Why it is not"),
        }),
      )
      .describe("The newest 20 entries"),
    total: z.int().min(0).describe("Entries that the source has"),
    backfilled: z.int().min(0).describe("Entries that would be delivered at once"),
    push: z.boolean().describe("The source names a hub that pushes new entries"),
    adjustments: z.array(Adjustment),
  })
  .meta({ id: "SubscriptionPlan" });
export type SubscriptionPlan = z.infer<typeof SubscriptionPlan>;

/** `POST /subscriptions/{id}/run` */
export const SubscriptionRun = z
  .object({
    subscription_id: Id,
    polled_at: Time.nullable(),
    new_entries: z.int().min(0).describe("Entries that were not known"),
    error: text.describe("Why the source could not be read; it is read again on schedule"),
  })
  .meta({ id: "SubscriptionRun" });
export type SubscriptionRun = z.infer<typeof SubscriptionRun>;

export const SubscriptionReset = z
  .object({ subscription_id: Id, removed: z.int().min(0).describe("Entries that may be delivered again") })
  .meta({ id: "SubscriptionReset" });

export const SubscriptionRemoved = z
  .object({ subscription_id: Id, message: z.string() })
  .meta({ id: "SubscriptionRemoved" });
