import { z } from "zod";
import { Id, Time } from "../../ids.ts";
import { PageQuery } from "../account.ts";

/** What the operator does not deliver, and the takedown of what was delivered. */

/** What may be denied. */
export const DENIED_KINDS = ["url", "site", "channel", "hash"] as const;
export type DeniedKind = (typeof DENIED_KINDS)[number];

export const DENIAL_REASONS = ["copyright", "court_order", "privacy", "abuse", "policy", "other"] as const;

/** `matched`: still to be dealt with; all others are final. */
export const TAKEDOWN_JOB_STATES = ["matched", "stopped", "deleted", "without_file", "kept"] as const;

/** Why a file could not be deleted. */
export const KEPT_REASONS = {
  inline_storage:
    "The credentials came with the job and were erased at its end; only the caller can delete the file",
  storage_replaced:
    "The account replaced or removed the storage that holds the file; only the caller can delete it",
  storage_unreadable: "The stored credentials cannot be opened; check SEALING_KEYS",
  storage_refused: "The storage refused to delete the file",
  storage_down: "The storage did not answer for a day",
} as const;
export type KeptReason = keyof typeof KEPT_REASONS;
const KEPT_REASON_NAMES = Object.keys(KEPT_REASONS) as [KeptReason, ...KeptReason[]];

const value = z.string().trim().min(1, "must not be empty").max(8192, "must be at most 8192 characters");
const reason = z.enum(DENIAL_REASONS).describe("Why; callers do not see it");
const note = z
  .string()
  .trim()
  .max(2000, "must be at most 2000 characters")
  .nullable()
  .describe("For the operator only; at most 2,000 characters");
const reference = z
  .string()
  .trim()
  .min(1, "must not be empty")
  .max(100, "must be at most 100 characters")
  .regex(/^[^\p{C}]*$/u, "must not contain control characters")
  .nullable()
  .describe("Such as the number of a takedown request; callers see it. At most 100 characters")
  .meta({ example: "TD-2026-0117" });

/** Body of `POST /admin/denied`. */
export const NewDenial = z
  .strictObject({
    kind: z.enum(DENIED_KINDS).describe("What `value` is"),
    value: value
      .describe(
        "`url`: an address, of which every form is denied; `site`: a host with everything below it, or the name of a site as `GET /metadata` shows it in `extractor`; `channel`: the address of a channel, or its site and its id or handle, such as `youtube @handle`; `hash`: the SHA-256 of a delivered file, in hexadecimal",
      )
      .meta({ example: "https://www.youtube.com/watch?v=aqz-KE-bpKQ" }),
    reason: reason.default("other"),
    note: note.default(null),
    reference: reference.default(null),
    takedown: z
      .boolean()
      .default(false)
      .describe(
        "Also stop the jobs that fetch it and delete what was delivered, as `POST /admin/denied/{id}/takedown` does",
      ),
  })
  .meta({ id: "NewDenial" });
export type NewDenial = z.output<typeof NewDenial>;

const count = z.int().min(0);

/** Has no name of its own in the document, because a named schema cannot be null in OpenAPI 3.0. */
export const Takedown = z.object({
  status: z.enum(["running", "finished"]),
  requested_at: Time,
  scanned_at: Time.nullable().describe("When all stored jobs had been compared; null while that goes on"),
  finished_at: Time.nullable(),
  jobs: z
    .object({
      matched: count.describe("Jobs of this source so far"),
      waiting: count.describe("Of these, those that are still to be dealt with"),
      stopped: count.describe("Jobs that were ended before they delivered anything"),
      deleted: count.describe("Jobs whose file was deleted"),
      without_file: count.describe("Delivered jobs whose file was deleted or overwritten before"),
      kept: count.describe("Jobs whose file could not be deleted; `GET /admin/denied/{id}/jobs` says why"),
    })
    .describe("Numbers of jobs"),
  objects_deleted: count.describe("Files, subtitles and thumbnails"),
});
export type Takedown = z.infer<typeof Takedown>;

export const Denial = z
  .object({
    id: Id,
    kind: z.enum(DENIED_KINDS),
    value: z.string().describe("As it was sent; passwords and tokens in addresses are hidden"),
    reason,
    note,
    reference,
    created_at: Time,
    takedown: Takedown.nullable().describe("Null if none was requested"),
  })
  .meta({ id: "Denial" });
export type Denial = z.infer<typeof Denial>;

export const DenialQuery = PageQuery.extend({
  kind: z.enum(DENIED_KINDS).optional().describe("Only denials of this kind"),
});
export const DenialList = z
  .object({ denied: z.array(Denial), next_cursor: Id.nullable() })
  .meta({ id: "DenialList" });

export const RemovedDenial = z.object({ message: z.string(), id: Id }).meta({ id: "RemovedDenial" });

export const TakedownJob = z
  .object({
    job_id: Id,
    account_id: Id.nullable().describe("Null if the job was removed or its account erased"),
    state: z
      .enum(TAKEDOWN_JOB_STATES)
      .describe("`matched`: still to be dealt with; `kept`: its file could not be deleted"),
    reason: z.enum(KEPT_REASON_NAMES).nullable().describe("Why its file was kept"),
    explanation: z.string().nullable().describe("The reason as a sentence"),
    objects_deleted: count,
    updated_at: Time,
  })
  .meta({ id: "TakedownJob" });
export type TakedownJob = z.infer<typeof TakedownJob>;

export const TakedownJobQuery = PageQuery.extend({
  state: z.enum(TAKEDOWN_JOB_STATES).optional().describe("Only jobs in this state"),
});
export const TakedownJobList = z
  .object({ jobs: z.array(TakedownJob), next_cursor: Id.nullable() })
  .meta({ id: "TakedownJobList" });
