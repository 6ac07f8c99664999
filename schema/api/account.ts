import "../messages.ts";
import { z } from "zod";
import { Id, Time } from "../ids.ts";

/** Who accounts belong to; marketplaces must send inline storage with each job. */
export const SOURCES = ["direct", "rapidapi", "apify", "zyla", "marketplace"] as const;

/** What a key may be allowed to do: look, ask for media, set the account's storage and secrets. */
export const SCOPES = ["read", "write", "storage"] as const;
export type Scope = (typeof SCOPES)[number];

/** Limits of an account; null is unlimited. */
export const Limits = z
  .object({
    max_concurrent_jobs: z.int().min(1).nullable(),
    max_resolution: z.int().min(144).nullable().describe("Shorter side in pixels"),
    max_duration_seconds: z.int().min(1).nullable(),
    max_filesize_bytes: z.int().min(1).nullable(),
    storage_bytes: z.int().min(0).nullable().describe("Delivered and held in a month"),
    retention_days: z
      .int()
      .min(1)
      .max(3650)
      .nullable()
      .describe("How long files of the operator's bucket are kept; null for what the operator set"),
  })
  .partial()
  .meta({ id: "Limits" });
export type Limits = z.infer<typeof Limits>;

export const Account = z
  .object({
    id: Id,
    name: z.string(),
    source: z.enum(SOURCES),
    limits: Limits,
    disabled: z.boolean(),
    created_at: Time,
  })
  .meta({ id: "Account" });
export type Account = z.infer<typeof Account>;

const name = z.string().trim().min(1, "must not be empty").max(200, "must be at most 200 characters");

export const NewAccount = z
  .object({ name, source: z.enum(SOURCES).default("direct"), limits: Limits.default({}) })
  .meta({ id: "NewAccount" });
export const AccountChange = z
  .object({ name, limits: Limits, disabled: z.boolean() })
  .partial()
  .meta({ id: "AccountChange" });
export const AccountList = z.object({ accounts: z.array(Account) }).meta({ id: "AccountList" });

/** A key as it is shown later: never whole. */
export const Key = z
  .object({
    id: Id,
    name: z.string(),
    prefix: z.string().meta({ example: "sk_live_Ab12" }),
    last4: z.string(),
    created_at: Time,
    revoked_at: Time.nullable(),
  })
  .meta({ id: "Key" });
export type Key = z.infer<typeof Key>;
export const NewKey = z.object({ name: name.default("default") }).meta({ id: "NewKey" });
export const CreatedKey = Key.extend({ api_key: z.string().describe("Shown this once") }).meta({
  id: "CreatedKey",
});
export const KeyList = z.object({ keys: z.array(Key) }).meta({ id: "KeyList" });
export const RevokedKey = z.object({ message: z.string(), id: Id }).meta({ id: "RevokedKey" });
