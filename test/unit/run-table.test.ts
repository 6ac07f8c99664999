import { describe, expect, it } from "vitest";
import type { RunHandle } from "../../processor/run/run.ts";
import { RunTable } from "../../processor/run/run-table.ts";
import type { StopReason } from "../../processor/run/stop.ts";
import { slotsOf } from "../../schema/run-slots.ts";
import type { RunRequest } from "../../schema/wire/run.ts";

class FakeRun implements RunHandle {
  readonly #gate = Promise.withResolvers<void>();
  readonly done = this.#gate.promise;
  readonly attempt: number;
  stopped: StopReason | null = null;

  constructor(attempt: number) {
    this.attempt = attempt;
  }

  stop(reason: StopReason): void {
    this.stopped = reason;
    this.#gate.resolve();
  }

  finish(): void {
    this.#gate.resolve();
  }
}

function table(all: number, reserved = 0, now?: () => number) {
  const started: FakeRun[] = [];
  const runs = new RunTable(
    { all, reserved },
    ({ attempt }) => {
      const run = new FakeRun(attempt);
      started.push(run);
      return run;
    },
    now,
  );
  const admit = (job_id: string, attempt = 1, batch = false, alone = false) =>
    runs.admit({ job_id, attempt, batch, alone } as RunRequest);
  const admitAlone = async (job_id: string) => (await admit(job_id, 1, false, true)).type;
  const admitOfBatch = async (job_id: string) => (await admit(job_id, 1, true)).type;
  return { runs, started, admit, admitAlone, admitOfBatch };
}

describe("a run that has to be alone", () => {
  it("has the processor to itself, which first becomes empty", async () => {
    const { started, admit, admitAlone } = table(4);
    await admit("a");
    expect(await admitAlone("suspect")).toBe("busy");
    expect((await admit("b")).type).toBe("busy");
    started[0]?.finish();
    await started[0]?.done;
    await Promise.resolve();
    expect(await admitAlone("suspect")).toBe("accepted");
    expect((await admit("b")).type).toBe("busy");
    started[1]?.finish();
    await started[1]?.done;
    await Promise.resolve();
    expect((await admit("b")).type).toBe("accepted");
  });

  it("keeps others out for ten minutes at most, and not when it is no longer requested", async () => {
    const minute = 60_000;
    let now = 0;
    const { admit, admitAlone } = table(100, 0, () => now);
    await admit("recording");
    await admitAlone("suspect");
    now += 3 * minute;
    expect((await admit("a")).type).toBe("accepted");
    let refused = 0;
    for (let asked = 0; asked < 60; asked++, now += minute) {
      await admitAlone("suspect");
      if ((await admit(`b${asked}`)).type === "busy") refused += 1;
    }
    expect(refused).toBeGreaterThan(20);
    expect(refused).toBeLessThan(40);
  });
});

describe("RunTable", () => {
  it("is busy when every slot is taken and accepts more when one is free", async () => {
    const { runs, started, admit } = table(1);
    expect(await admit("a")).toEqual({ type: "accepted" });
    expect((await admit("b")).type).toBe("busy");
    started[0]?.finish();
    await started[0]?.done;
    await Promise.resolve();
    expect(await admit("b")).toEqual({ type: "accepted" });
    expect(runs.size).toBe(1);
  });

  it("keeps slots for single jobs, which may use all of them", async () => {
    const { started, admit, admitOfBatch } = table(4, 1);
    const admissions = [];
    for (const id of ["a", "b", "c", "d"]) admissions.push(await admitOfBatch(id));
    expect(admissions).toEqual(["accepted", "accepted", "accepted", "busy"]);
    expect((await admit("e")).type).toBe("accepted");
    expect((await admit("f")).type).toBe("busy");
    started[0]?.finish();
    started[1]?.finish();
    await Promise.all([started[0]?.done, started[1]?.done]);
    await Promise.resolve();
    expect((await admit("g")).type).toBe("accepted");
    expect(await admitOfBatch("h")).toBe("accepted");
    expect(await admitOfBatch("i")).toBe("busy");
  });

  it("keeps a quarter unless configured, and never all", () => {
    expect([1, 2, 4, 8, 10].map((all) => slotsOf(all).reserved)).toEqual([0, 1, 1, 2, 2]);
    expect([0, 3, 9].map((reserved) => slotsOf(4, reserved).reserved)).toEqual([0, 3, 3]);
  });

  it("reports the room that an ending run leaves, and none while it drains", async () => {
    const { runs, started, admit } = table(3);
    await admit("a");
    await admit("b");
    expect(runs.freeAfterOne).toBe(2);
    await admit("c");
    expect(runs.freeAfterOne).toBe(1);
    const drained = runs.drain(60_000);
    expect(runs.freeAfterOne).toBe(0);
    for (const run of started) run.finish();
    await drained;
  });

  it("starts a claim that is sent twice only once", async () => {
    const { started, admit } = table(2);
    await admit("a");
    await admit("a");
    expect(started).toHaveLength(1);
  });

  it("replaces an older claim of the same job", async () => {
    const { started, admit } = table(1);
    await admit("a", 1);
    await admit("a", 2);
    expect(started.map((run) => [run.attempt, run.stopped])).toEqual([
      [1, "lost"],
      [2, null],
    ]);
  });

  it("reports whether there was a run to cancel", async () => {
    const { started, runs, admit } = table(1);
    await admit("a");
    expect(await runs.cancel("a")).toBe(true);
    expect(started[0]?.stopped).toBe("cancelled");
    expect(await runs.cancel("a")).toBe(false);
  });

  it("accepts nothing while it drains and hands unfinished runs back", async () => {
    const { runs, started, admit } = table(2);
    await admit("a");
    const drained = runs.drain(0);
    expect((await admit("b")).type).toBe("busy");
    await drained;
    expect(started[0]?.stopped).toBe("drained");
    expect(runs.size).toBe(0);
  });
});
