import { siteOf } from "../../../schema/telemetry/site.ts";
import type { YtdlpPolicy } from "../../../schema/wire/ytdlp-versions.ts";
import type { Backoffs, RequestContext } from "../../context.ts";
import { noteTrialProbe, type TrialRow, writeDecision } from "../../db/exits/trial-rows.ts";
import { PROBE_MS } from "../exits/pair-health.ts";
import { decide, type Trial, type Use, useOf } from "./trial.ts";

/** Which version of yt-dlp a run tries first. */

/** The row's state, as the rules see it. */
export const trialOfRow = (row: TrialRow): Trial => ({
  ...{ state: row.state, strikes: row.strikes, until: row.until, probeUntil: row.probe_until },
  ...{ pinnedFaults: row.pinned_faults, candidateFaults: row.candidate_faults },
  ...{ servedSince: row.served_since, changedAt: row.changed_at },
});

/** What a decision writes. */
const columnsOf = (trial: Trial) => ({
  ...{ state: trial.state, strikes: trial.strikes, until: trial.until, probe_until: trial.probeUntil },
  ...{ pinned_faults: trial.pinnedFaults, candidate_faults: trial.candidateFaults },
  ...{ served_since: trial.servedSince, changed_at: trial.changedAt },
});

/**
 * Decides about a trial by its figures. Each reader of a row does so: a decision that was not written, because the Worker was
 * killed, is made by the next reader.
 *
 * @returns the row with the decision
 */
export async function settleTrial(context: RequestContext, row: TrialRow): Promise<TrialRow> {
  const before = trialOfRow(row);
  const after = decide(before, context.clock(), context.config.ytdlp.promoteAfter);
  if (after === before) return row;
  const columns = { ...columnsOf(after), updated_at: context.clock() };
  if (await writeDecision(context.db, row, columns)) {
    const { site, version } = row;
    context.log("ytdlp_trial", { site, version, state: after.state, until: after.until });
  }
  // another isolate's decision is as good
  context.backoffs.remove();
  return { ...row, ...columns };
}

/**
 * How the next run at a URL's site uses newer versions; undefined where none is known and none is tried. A probe is noted,
 * so that it is the only one.
 */
export function policyFor(context: RequestContext, known: Backoffs, url: string): YtdlpPolicy | undefined {
  const now = context.clock();
  const site = siteOf(url);
  const rows = known.trials.filter((row) => row.site === site);
  const uses = rows.map((row) => {
    const before = trialOfRow(row);
    const after = decide(before, now, context.config.ytdlp.promoteAfter);
    if (after !== before) context.defer(settleTrial(context, row));
    const use = useOf(after, now);
    if (use === "probe") noteProbe(context, row, now + PROBE_MS);
    return { version: row.version, use };
  });
  const named = (...wanted: Use[]) =>
    uses.filter(({ use }) => wanted.includes(use)).map(({ version }) => version);
  const policy: YtdlpPolicy = {
    first: named("first", "probe"),
    last: named("last"),
    canary: (context.random(1)[0] ?? 0) / 256 < context.config.ytdlp.canaryPercent / 100,
  };
  return policy.first.length + policy.last.length > 0 || policy.canary ? policy : undefined;
}

/** The same for a question about a source, which is never used to find out which version is better. */
export async function policyForProbe(context: RequestContext, url: string): Promise<YtdlpPolicy | undefined> {
  const { trials } = await context.backoffs.read(context);
  const site = siteOf(url);
  const versions = (wanted: Trial["state"]) =>
    trials.filter((row) => row.site === site && row.state === wanted).map(({ version }) => version);
  const policy = { first: versions("promoted"), last: versions("rolled_back"), canary: false };
  return policy.first.length + policy.last.length > 0 ? policy : undefined;
}

function noteProbe(context: RequestContext, row: TrialRow, until: number): void {
  context.backoffs.keepTrial({ ...row, probe_until: until });
  context.defer(noteTrialProbe(context.db, row, until));
}
