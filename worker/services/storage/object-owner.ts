import type { JobState } from "../../../schema/states.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { ComputedColumns } from "../../db/job-moves.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import { type ObjectPlace, takeFile, takeSidecars, withReplacement } from "../../db/object-owners.ts";
import { deliveredKeys } from "./links.ts";

/** Changes of object owners that are written with a move. */
interface NewOwner {
  readonly guardedStatements: readonly GuardedStatement[];
  readonly computed: ComputedColumns;
}

const NOTHING: NewOwner = { guardedStatements: [], computed: {} };

/**
 * A completed job takes its objects from the jobs that had them. A run that was allowed to write and ended otherwise may
 * have written nevertheless, without reporting it, so no other job may continue to promise the former bytes. Only if the
 * storage refused are they certainly unchanged.
 */
export function ownerOfEnd(job: JobRow, state: JobState, changes: Partial<NewJobRow>): NewOwner {
  const { status, publishing } = state;
  if (status === "Completed" && typeof changes.object_key === "string") {
    const place = placeOf(job, changes.object_key);
    const sidecars = deliveredKeys(changes as Partial<JobRow>).filter((key) => key !== place.key);
    return {
      guardedStatements: [
        takeFile(job.id, place),
        ...(sidecars.length > 0 ? [takeSidecars(job.id, place, sidecars)] : []),
      ],
      computed: { adjustments: withReplacement(job.id, place, changes.adjustments ?? job.adjustments) },
    };
  }
  const leftOff = job.publishing && !publishing && job.publishing_key !== null;
  if (!leftOff || changes.error_code === "upload_refused") return NOTHING;
  return { guardedStatements: [takeFile(job.id, placeOf(job, job.publishing_key ?? ""))], computed: {} };
}

/** Where an object of a job is stored. */
export const placeOf = (job: JobRow, key: string): ObjectPlace => ({
  accountId: job.account_id,
  storagePlace: job.storage_place,
  key,
});
