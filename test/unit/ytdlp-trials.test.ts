import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { YtdlpReport, YtdlpRole } from "../../schema/wire/ytdlp-versions.ts";
import { PAUSES } from "../../worker/services/exits/pair-health.ts";
import {
  decide,
  evidenceOf,
  FAULTS_TO_ROLL_BACK,
  failedWithBoth,
  NEW_TRIAL,
  RELIEF,
  type Trial,
  useOf,
} from "../../worker/services/ytdlp/trial.ts";

const START = 1_700_000_000_000;
const PROMOTE_AFTER = 5;
const MINUTE = 60_000;

/** Results in the order of the tries. @example report("pinned internal", "candidate served") */
const report = (...tries: string[]): YtdlpReport => ({
  candidate: "2026.12.1",
  results: tries.map((tried) => {
    const [role = "", result = ""] = tried.split(" ");
    return { role: role as YtdlpRole, result };
  }),
});

/** Adds a run's evidence as the database does, and decides. */
function judged(trial: Trial, run: YtdlpReport, now: number): Trial {
  const evidence = evidenceOf(run);
  if (evidence === null) return trial;
  const isResting = trial.until > now;
  const raised: Trial = {
    ...trial,
    pinnedFaults: Math.max(0, trial.pinnedFaults + evidence.pinnedFaults),
    ...(isResting
      ? {}
      : {
          candidateFaults: Math.max(0, trial.candidateFaults + evidence.candidateFaults),
          servedSince: trial.servedSince + evidence.served,
        }),
  };
  return decide(raised, now, PROMOTE_AFTER);
}

const PINNED_SERVED = report("pinned served");
const CANDIDATE_SERVED = report("candidate served");
const CANDIDATE_WORSE = report("candidate internal", "pinned served");
const CANDIDATE_BETTER = report("pinned unsupported_url", "candidate served");
const BOTH_FAILED = report("pinned unsupported_url", "candidate unsupported_url");
const RUNS = [PINNED_SERVED, CANDIDATE_SERVED, CANDIDATE_WORSE, CANDIDATE_BETTER, BOTH_FAILED];

/** Runs, each after some milliseconds. */
const Runs = fc.array(
  fc.record({ wait: fc.integer({ min: 0, max: 10 * MINUTE }), run: fc.constantFrom(...RUNS) }),
  { maxLength: 80 },
);

function play(runs: readonly { wait: number; run: YtdlpReport }[]) {
  let [trial, now]: [Trial, number] = [NEW_TRIAL, START];
  for (const { wait, run } of runs) {
    now += wait;
    trial = judged(trial, run, now);
  }
  return { trial, now };
}

describe("what a run says of both versions", () => {
  it.each<[string, YtdlpReport, object | null]>([
    ["nothing, if neither was tried", report(), null],
    ["nothing, if both failed", BOTH_FAILED, { pinnedFaults: 0, candidateFaults: 0, tries: 1, served: 0 }],
    ["that the pinned one works", PINNED_SERVED, { pinnedFaults: -RELIEF, tries: 0 }],
    ["that the candidate works", CANDIDATE_SERVED, { candidateFaults: -RELIEF, tries: 1, served: 1 }],
    ["that the candidate is worse", CANDIDATE_WORSE, { candidateFaults: 1, pinnedFaults: -RELIEF }],
    ["that the pinned one is worse", CANDIDATE_BETTER, { pinnedFaults: 1, candidateFaults: -RELIEF }],
    [
      "that a version works that served one of several tries",
      report("pinned internal", "pinned served"),
      { pinnedFaults: -RELIEF, candidateFaults: 0 },
    ],
  ])("%s", (_, run, expected) => {
    if (expected === null) expect(evidenceOf(run)).toBeNull();
    else expect(evidenceOf(run)).toMatchObject(expected);
  });

  it("of the site, if both failed", () => {
    expect(RUNS.map(failedWithBoth)).toEqual([false, false, false, false, true]);
    expect([failedWithBoth(undefined), failedWithBoth(report("pinned internal"))]).toEqual([false, false]);
  });
});

describe("a candidate", () => {
  it("that fails is rolled back within five runs that try it first, after any history", () => {
    fc.assert(
      fc.property(Runs, (before) => {
        let { trial, now } = play(before);
        // during a pause no run tries it first
        now = Math.max(now, trial.until);
        let tries = 0;
        do {
          now += 1_000;
          trial = judged(trial, CANDIDATE_WORSE, now);
          tries += 1;
        } while (useOf(trial, now) !== "last" && tries < 5);
        expect([trial.state, useOf(trial, now)]).toEqual(["rolled_back", "last"]);
      }),
    );
    expect(FAULTS_TO_ROLL_BACK).toBeLessThanOrEqual(5);
  });

  it("that serves what the pinned version fails is promoted within as many runs as are set", () => {
    fc.assert(
      fc.property(Runs, (before) => {
        let { trial, now } = play(before);
        // a probe that ended in between changes the state and begins to count anew
        for (let run = 0; run < 2 * PROMOTE_AFTER; run++) {
          now += 1_000;
          trial = judged(trial, CANDIDATE_BETTER, now);
        }
        expect([trial.state, useOf(trial, now)]).toEqual(["promoted", "first"]);
      }),
    );
  });

  it("that fails as rarely as the pinned version is neither promoted nor rolled back", () => {
    let [trial, now] = [NEW_TRIAL, START];
    for (let run = 0; run < 10_000; run++) {
      const isFault = run % 10 === 0;
      const usual = run % 20 < 10 ? PINNED_SERVED : CANDIDATE_SERVED;
      const fault = run % 20 === 0 ? CANDIDATE_BETTER : CANDIDATE_WORSE;
      now += 1_000;
      trial = judged(trial, isFault ? fault : usual, now);
    }
    expect(trial).toMatchObject({ state: "trial", changedAt: 0 });
  });

  it("that was rolled back rests for a growing time of an hour at most, and is then tried by one run at a time", () => {
    fc.assert(
      fc.property(Runs, (runs) => {
        const { trial, now } = play(runs);
        expect(trial.until - now).toBeLessThanOrEqual(PAUSES.longest);
        if (trial.state !== "rolled_back") return;
        const over = Math.max(now, trial.until);
        expect(useOf(trial, over)).toBe("probe");
        expect(useOf({ ...trial, probeUntil: over + 1 }, over)).toBe("last");
        expect(judged(trial, CANDIDATE_SERVED, over).state).toBe("trial");
        const again = judged(trial, CANDIDATE_WORSE, over);
        expect(again.state).toBe("rolled_back");
        expect(again.until - over).toBeGreaterThanOrEqual(Math.min(PAUSES.longest, PAUSES.first));
        expect(again.strikes).toBe(trial.strikes + 1);
      }),
    );
  });

  it("is not judged twice by the same figures", () => {
    fc.assert(
      fc.property(Runs, fc.integer({ min: 0, max: 24 * 60 * MINUTE }), (runs, later) => {
        const { trial, now } = play(runs);
        const settled = decide(trial, now, PROMOTE_AFTER);
        expect(settled).toBe(trial);
        const then = decide(settled, now + later, PROMOTE_AFTER);
        expect(decide(then, now + later, PROMOTE_AFTER)).toBe(then);
      }),
    );
  });

  it("is tried like a new one when nothing was heard of it for a day", () => {
    const [trial, now] = [{ ...NEW_TRIAL, state: "rolled_back", strikes: 3, until: START } as const, START];
    expect(useOf(trial, now + 25 * 60 * MINUTE)).toBe("undecided");
  });
});
