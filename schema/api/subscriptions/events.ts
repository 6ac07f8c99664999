import { z } from "zod";
import { Id, Time } from "../../ids.ts";

/** Webhook events of subscriptions. */

const text = z.string().nullable();

/** What a webhook event says of an entry. */
const entryOfEvent = z.object({
  id: Id,
  url: z.string(),
  title: text,
  published_at: Time.nullable(),
});

export const SubscriptionEntryEvent = z
  .object({
    type: z.literal("subscription_entry"),
    subscription_id: Id,
    status: z.enum(["queued", "waiting", "removed"]),
    job_id: Id.nullable().describe("Null unless the status is queued"),
    reason: text.describe("Why it waits"),
    entry: entryOfEvent,
  })
  .meta({ id: "SubscriptionEntryEvent" });

export const SubscriptionFailingEvent = z
  .object({
    type: z.literal("subscription_failing"),
    subscription_id: Id,
    url: z.string(),
    error: z.string(),
    failing_since: Time,
  })
  .meta({ id: "SubscriptionFailingEvent" });

export const SubscriptionRecoveredEvent = z
  .object({
    type: z.literal("subscription_recovered"),
    subscription_id: Id,
    url: z.string(),
    failing_since: Time,
  })
  .meta({ id: "SubscriptionRecoveredEvent" });
