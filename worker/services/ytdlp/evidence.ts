import { siteOf } from "../../../schema/telemetry/site.ts";
import type { Outcome } from "../../../schema/wire/callback.ts";
import type { Backoffs, RequestContext } from "../../context.ts";
import { addEvidence, trialsOfSiteQuery } from "../../db/exits/trial-rows.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { settleTrial } from "./policy.ts";
import { evidenceOf } from "./trial.ts";

/** What the outcomes of runs say of the versions of yt-dlp. */
export interface TrialChanges {
  /** To be written together with the outcome. */
  readonly statements: readonly GuardedStatement[];
  /** Decides by the new figures, once they are written. */
  readonly settle: () => Promise<void>;
}

const NOTHING: TrialChanges = { statements: [], settle: async () => {} };

/** @param job as it was read just before */
export function trialChanges(
  context: RequestContext,
  known: Backoffs,
  outcome: Outcome["outcome"],
  job: JobRow | undefined,
): TrialChanges {
  const hasEnded = outcome.type === "completed" || outcome.type === "failed";
  if (!job || !hasEnded || outcome.ytdlp === undefined) return NOTHING;
  const evidence = evidenceOf(outcome.ytdlp);
  if (evidence === null) return NOTHING;
  const site = siteOf(job.media_url ?? job.url);
  const { candidate: version } = outcome.ytdlp;
  const row = known.trials.find((trial) => trial.site === site && trial.version === version);
  // the usual case, in which there is nothing to be taken back
  const isQuiet = evidence.tries === 0 && (row === undefined || row.pinned_faults === 0);
  if (isQuiet) return NOTHING;
  const now = context.clock();
  const { pinnedFaults: pinned_faults, candidateFaults: candidate_faults, tries, served } = evidence;
  const added = { site, version, pinned_faults, candidate_faults, tries, served };
  return {
    statements: [addEvidence({ ...added, claimedAt: job.claimed_at ?? now }, now)],
    async settle() {
      for (const trial of await trialsOfSiteQuery(context.db, site)) await settleTrial(context, trial);
    },
  };
}
