import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JOB_ERROR_CODES, JOB_ERRORS } from "../../schema/errors.ts";
import {
  INITIAL_STATE,
  isFinal,
  type JobEvent,
  type JobState,
  MAX_DELAY_MS,
  MAX_FAILURES,
  MAX_INTERRUPTIONS,
  next,
  WORKING_STEPS,
} from "../../schema/states.ts";

const event: fc.Arbitrary<JobEvent> = fc.oneof(
  fc.constant<JobEvent>({ type: "claimed" }),
  fc.constantFrom<JobEvent>(
    { type: "refused" },
    { type: "publishing" },
    { type: "interrupted", cause: "lost" },
    { type: "interrupted", cause: "lost", gotOn: true },
    { type: "interrupted", cause: "drained" },
    { type: "completed" },
    { type: "cancelled" },
  ),
  fc.record({ type: fc.constant("skipped" as const), code: fc.constantFrom(...JOB_ERROR_CODES) }),
  fc.record({ type: fc.constant("postponed" as const), until: fc.nat() }),
  fc.record({
    type: fc.constant("progressed" as const),
    step: fc.constantFrom(...WORKING_STEPS),
    progress: fc.double({ min: -50, max: 150, noNaN: true }),
  }),
  fc.record({
    type: fc.constant("failed" as const),
    code: fc.constantFrom(...JOB_ERROR_CODES),
    retryAfterMs: fc.option(fc.nat(10_000_000), { nil: undefined }),
    transient: fc.option(fc.boolean(), { nil: undefined }),
    horizonLeftMs: fc.option(fc.integer({ min: -1000, max: 100_000_000 }), { nil: undefined }),
  }),
);

/** The states of a job's life, in order; illegal events change nothing. */
function* lifeOf(events: readonly JobEvent[]): Generator<[before: JobState, after: JobState]> {
  let state = INITIAL_STATE;
  for (const e of events) {
    const after = next(state, e)?.state ?? state;
    yield [state, after];
    state = after;
  }
}

const always = (holds: (before: JobState, after: JobState) => void): void =>
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      for (const [before, after] of lifeOf(events)) holds(before, after);
    }),
    { numRuns: 500 },
  );

describe("whatever happens to a job", () => {
  it("a final state is never left", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), event, (events, last) => {
        const state = [...lifeOf(events)].at(-1)?.[1] ?? INITIAL_STATE;
        fc.pre(isFinal(state.status));
        expect(next(state, last)).toBeNull();
      }),
    );
  });

  it("progress never goes back and stays between 0 and 100", () =>
    always((before, after) => {
      expect(after.progress).toBeGreaterThanOrEqual(before.progress);
      expect(after.progress).toBeLessThanOrEqual(100);
      expect(Number.isInteger(after.progress)).toBe(true);
    }));

  it("only a claim raises the fence, by one, and nothing lowers it", () =>
    always((before, after) => {
      const claimed = before.status === "Pending" && after.status === "Processing";
      expect(after.attempt).toBe(before.attempt + (claimed ? 1 : 0));
    }));

  it("attempts are counted, never removed, and bounded", () =>
    always((before, after) => {
      expect(after.failures).toBeGreaterThanOrEqual(before.failures);
      if (after.interruptions < before.interruptions) expect(after.interruptions).toBe(1);
      expect(after.interruptions).toBeLessThanOrEqual(MAX_INTERRUPTIONS);
    }));

  it("a run that may publish is not cancelled", () =>
    always((before) => {
      if (before.publishing) expect(next(before, { type: "cancelled" })).toBeNull();
    }));

  it("only a job that was never claimed is skipped by its list", () =>
    always((before) => {
      const skipped = next(before, { type: "skipped", code: "entry_unavailable" });
      const untouched = before.status === "Pending" && before.attempt === 0;
      expect(skipped?.state ?? null).toEqual(
        untouched ? { ...before, status: "Skipped", step: "Finished" } : null,
      );
    }));

  it("only a running job publishes", () =>
    always((_, after) => {
      if (after.publishing) expect(after.status).toBe("Processing");
    }));

  it("steps fit their status", () =>
    always((_, { status, step }) => {
      const allowed =
        status === "Pending"
          ? ["Queued", "Waiting"]
          : status === "Processing"
            ? WORKING_STEPS
            : ["Finished", "Cancelled"];
      expect(allowed).toContain(step);
    }));
});

describe("the end of a run", () => {
  const running = next(INITIAL_STATE, { type: "claimed" })?.state ?? INITIAL_STATE;

  it.each(JOB_ERROR_CODES)(
    "with %s has the outcome of its row, or a delay before the next attempt",
    (code) => {
      let state = running;
      for (let tries = 1; ; tries++) {
        const move = next(state, { type: "failed", code });
        if (!move) throw new Error("a running job can always fail");
        if (isFinal(move.state.status)) {
          expect(move).toMatchObject({ error: code, state: { status: JOB_ERRORS[code].outcome } });
          expect(tries).toBe(
            { never: 1, once: 1, backoff: MAX_FAILURES, patient: MAX_FAILURES, elsewhere: MAX_FAILURES }[
              JOB_ERRORS[code].retry
            ],
          );
          return;
        }
        expect(move.dueInMs).toBeGreaterThanOrEqual(0);
        state = next(move.state, { type: "claimed" })?.state ?? state;
      }
    },
  );

  it("waits as long as the source asks, and longer each time", () => {
    const failed = (retryAfterMs?: number) =>
      next(running, { type: "failed", code: "network", retryAfterMs })?.dueInMs;
    expect(failed()).toBe(5_000);
    expect(failed(1)).toBe(5_000);
    expect(failed(60_000)).toBe(60_000);
    expect(next({ ...running, failures: 1 }, { type: "failed", code: "network" })?.dueInMs).toBe(30_000);
    expect(next(running, { type: "failed", code: "rate_limited" })?.dueInMs).toBe(60_000);
  });

  it("is final no sooner than the horizon of a temporary failure, with an hour between attempts at most", () => {
    const patient = JOB_ERROR_CODES.filter((code) => JOB_ERRORS[code].retry === "patient");
    const hours = fc.integer({ min: 1, max: 168 });
    fc.assert(
      fc.property(fc.constantFrom(...patient), hours, (code, horizon) => {
        let state = running;
        for (let now = 0, tries = 1; ; tries++) {
          const horizonLeftMs = horizon * 3_600_000 - now;
          const move = next(state, { type: "failed", code, horizonLeftMs });
          if (!move) throw new Error("a running job can always fail");
          if (isFinal(move.state.status)) {
            expect(horizonLeftMs).toBe(0);
            expect(tries).toBeLessThan(12 + horizon);
            return;
          }
          expect(move.dueInMs).toBeGreaterThan(0);
          expect(move.dueInMs).toBeLessThanOrEqual(MAX_DELAY_MS);
          now += move.dueInMs ?? 0;
          state = next(move.state, { type: "claimed" })?.state ?? state;
        }
      }),
    );
  });

  it("does not wait after a permanent failure", () => {
    const failed: JobEvent = {
      type: "failed",
      code: "network",
      transient: false,
      horizonLeftMs: 3_600_000,
    };
    expect(next({ ...running, failures: MAX_FAILURES - 1 }, failed)?.state.status).toBe("Failed");
  });

  it("by cancellation has its own step", () => {
    expect(next(INITIAL_STATE, { type: "cancelled" })?.state).toMatchObject({
      status: "Failed",
      step: "Cancelled",
    });
    expect(next(running, { type: "cancelled" })?.error).toBe("cancelled");
  });

  it("comes from running jobs only", () => {
    for (const type of ["completed", "publishing", "refused"] as const) {
      expect(next(INITIAL_STATE, { type })).toBeNull();
    }
    expect(next(INITIAL_STATE, { type: "interrupted", cause: "lost" })).toBeNull();
    expect(next(running, { type: "claimed" })).toBeNull();
  });
});
