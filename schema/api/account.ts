import "../messages.ts";
import { z } from "zod";
import { parseAddressRange } from "../address-range.ts";
import { Id, Time } from "../ids.ts";
import { clampedInt } from "./clamped-int.ts";
import { DEFAULT_BASE_FOLDER } from "./storage.ts";

/** Origin of an account; those of marketplaces must send inline storage with each job. */
export const SOURCES = ["direct", "rapidapi", "apify", "zyla", "marketplace"] as const;

/**
 * What a key may do: `read` reads, `write` asks sources for media and changes jobs, `storage` reads and sets the
 * account's storage, signing secret and Slack.
 */
export const SCOPES = ["read", "write", "storage"] as const;
export type Scope = (typeof SCOPES)[number];

/** Limits of an account; null is unlimited. */
export const Limits = z
  .object({
    max_concurrent_jobs: z.int().min(1).nullable(),
    max_resolution: z.int().min(144).nullable().describe("Shorter side in pixels"),
    max_duration_seconds: z.int().min(1).nullable(),
    max_filesize_bytes: z.int().min(1).nullable(),
    storage_bytes: z.int().min(0).nullable().describe("Delivered and reserved in a month"),
    retention_days: z
      .int()
      .min(1)
      .max(3650)
      .nullable()
      .describe("Days for which files in the managed bucket are kept; null for RETENTION_DAYS"),
    job_retention_days: z
      .int()
      .min(0)
      .max(3650)
      .nullable()
      .describe(
        "Days after their end that jobs, batches and audit entries are kept; 0 keeps them for good, null is what the operator set",
      )
      .meta({ example: 90 }),
  })
  .partial()
  .meta({ id: "Limits" });
export type Limits = z.infer<typeof Limits>;

/** Longest prefix in the managed bucket, in characters. */
const MAX_STORAGE_PREFIX = 64;
/** Object keys from before prefixes begin with it, so no account may have it. */
const RESERVED_PREFIX = DEFAULT_BASE_FOLDER;

/**
 * The first segment of all keys of an account in the managed bucket. It is unique, lowercase and
 * ends with a slash, so no prefix is the beginning of another: `ab/` is not the beginning of `abc/`. Values that look
 * like ids are refused, because the id of an account is its default prefix.
 *
 * @example "newsroom" // keys: newsroom/videos/talk.mp4
 */
export const StoragePrefix = z
  .string()
  .max(MAX_STORAGE_PREFIX, `must be at most ${MAX_STORAGE_PREFIX} characters`)
  .regex(
    /^[a-z0-9][a-z0-9_-]*$/,
    "must be one folder name of a-z, 0-9, - and _ that begins with a letter or a digit",
  )
  .refine((prefix) => prefix !== RESERVED_PREFIX, `must not be ${RESERVED_PREFIX}, which holds older files`)
  .refine((prefix) => !Id.safeParse(prefix).success, "must not have the form of an id");

const billingDay = z
  .int("must be a whole number from 1 to 28")
  .min(1, "must be at least 1")
  .max(28, "must be at most 28, so that every month has the day")
  .nullable()
  .describe(
    "Day of the month on which the account's billing period begins, at midnight UTC; null without billing. Usage of a period is counted from stored jobs, so they must be kept for 31 days or more",
  )
  .meta({ example: 15 });

export const Account = z
  .object({
    id: Id,
    name: z.string(),
    source: z.enum(SOURCES),
    storage_prefix: z
      .string()
      .describe("First folder of the account's keys in the managed bucket; unique")
      .meta({ example: "newsroom" }),
    limits: Limits,
    billing_day: billingDay,
    disabled: z.boolean(),
    created_at: Time,
  })
  .meta({ id: "Account" });
export type Account = z.infer<typeof Account>;

const nextCursor = Id.nullable().describe("Send as `cursor` for the next page; null on the last");

/** Query of the operator's lists; the newest come first. */
export const PageQuery = z.object({
  limit: clampedInt(1, 100, 20),
  cursor: Id.optional().describe("next_cursor of the previous page"),
});
export type PageQuery = z.output<typeof PageQuery>;

const name = z.string().trim().min(1, "must not be empty").max(200, "must be at most 200 characters");

export const NewAccount = z
  .object({
    name,
    source: z.enum(SOURCES).default("direct"),
    limits: Limits.default({}),
    billing_day: billingDay.default(null),
    storage_prefix: StoragePrefix.optional().describe(
      "First folder of the account's keys in the managed bucket; default: the account's id. It cannot be changed later",
    ),
  })
  .meta({ id: "NewAccount" });
export const AccountChange = z
  .object({ name, limits: Limits, billing_day: billingDay, disabled: z.boolean() })
  .partial()
  .meta({ id: "AccountChange" });
export const AccountList = z
  .object({ accounts: z.array(Account), next_cursor: nextCursor })
  .meta({ id: "AccountList" });

const scopes = z
  .array(z.enum(SCOPES, `must be one of ${SCOPES.join(", ")}`))
  .min(1, "must name at least one scope")
  .nullable()
  .describe("What the key may do; null for everything")
  .meta({ example: ["read", "write"] });
const expiresAt = Time.nullable().describe("The key stops working then; null for never");

/** Maximum number of addresses and ranges that a key names. */
const MAX_ALLOWED_IPS = 100;
const allowedIps = z
  .array(
    z
      .string("must be an IP address or a CIDR range")
      .trim()
      .refine(
        (text) => parseAddressRange(text) !== null,
        "must be an IP address or a CIDR range, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32",
      ),
    "must be a list of addresses",
  )
  .min(1, "must name an address; use null for every address")
  .max(MAX_ALLOWED_IPS, `must name at most ${MAX_ALLOWED_IPS} addresses`)
  .nullable()
  .describe("Addresses and CIDR ranges that the key may be used from; null for everywhere")
  .meta({ example: ["203.0.113.0/24", "2001:db8::7"] });

/** A key as it is listed: never in full. */
export const Key = z
  .object({
    id: Id,
    name: z.string(),
    prefix: z.string().meta({ example: "sk_live_Ab12" }),
    last4: z.string(),
    scopes,
    allowed_ips: allowedIps,
    created_at: Time,
    expires_at: expiresAt,
    replaced_by: Id.nullable().describe("The key that replaced this one when it was rolled"),
    revoked_at: Time.nullable(),
  })
  .meta({ id: "Key" });
export type Key = z.infer<typeof Key>;
export const NewKey = z
  .object({
    name: name.default("default"),
    scopes: scopes.default(null),
    allowed_ips: allowedIps.default(null),
    expires_at: expiresAt.default(null),
  })
  .meta({ id: "NewKey" });
export const CreatedKey = Key.extend({ api_key: z.string().describe("Shown only once") }).meta({
  id: "CreatedKey",
});
export const KeyList = z.object({ keys: z.array(Key) }).meta({ id: "KeyList" });
export const RevokedKey = z.object({ message: z.string(), id: Id }).meta({ id: "RevokedKey" });

/** Longest time for which a rolled key may keep working alongside the new one, in seconds: 30 days. */
const MAX_OVERLAP_SECONDS = 30 * 24 * 3600;

/** Body of `POST /admin/accounts/{id}/keys/{key_id}/roll`; the new key gets the name, the scopes, the addresses and the lifetime of the old one. */
export const KeyRoll = z
  .object({
    overlap_seconds: z
      .int("must be whole seconds")
      .min(0, "must not be negative")
      .max(MAX_OVERLAP_SECONDS, `must be at most ${MAX_OVERLAP_SECONDS}`)
      .default(24 * 3600)
      .describe("For how long the old key keeps working"),
  })
  .meta({ id: "KeyRoll" });
export const RolledKey = CreatedKey.extend({
  replaces: Key.describe("The old key; it works until expires_at"),
}).meta({ id: "RolledKey" });
