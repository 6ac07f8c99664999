import { describe, expect, it, vi } from "vitest";
import { type LeaseHolder, LeaseKeeper } from "../../processor/run/lease.ts";
import { Progress } from "../../processor/run/progress.ts";
import type { HeartbeatResponse, RunHeartbeat } from "../../schema/wire/callback.ts";

function setup(verdict: "go_on" | "stop" = "go_on") {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const heartbeats: RunHeartbeat[][] = [];
  const heartbeat = async (runs: RunHeartbeat[]): Promise<HeartbeatResponse["runs"]> => {
    heartbeats.push(runs);
    return runs.map(({ job_id, attempt }) => ({ job_id, attempt, verdict }));
  };
  const lease = new LeaseKeeper({ callback: { heartbeat }, intervalMs: 15_000 });
  const stop = vi.fn();
  const add = (job_id: string) => {
    const progress = new Progress((stepChanged) => lease.changed(holder, stepChanged));
    const holder: LeaseHolder = { claim: { job_id, attempt: 1, token: "t" }, progress, stop };
    lease.add(holder);
    return holder;
  };
  return { heartbeats, lease, add, stop };
}

describe("LeaseKeeper", () => {
  it("renews all leases with one call per interval", async () => {
    const { heartbeats, lease, add } = setup();
    add("a");
    add("b");
    await vi.advanceTimersByTimeAsync(45_000);
    expect(heartbeats.map((runs) => runs.map((run) => run.job_id))).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["a", "b"],
    ]);
    lease.close();
    vi.useRealTimers();
  });

  it("reports a new step at once and small progress not at all", async () => {
    const { heartbeats, lease, add } = setup();
    const { progress } = add("a");
    progress.advance(0.01);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(heartbeats).toHaveLength(0);
    progress.enter("Uploading");
    await vi.advanceTimersByTimeAsync(0);
    expect(heartbeats[0]?.[0]).toMatchObject({ step: "Uploading", progress: 1 });
    progress.advance(0.5);
    await vi.advanceTimersByTimeAsync(999);
    expect(heartbeats).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(heartbeats[1]?.[0]).toMatchObject({ progress: 50 });
    lease.close();
    vi.useRealTimers();
  });

  it("reports nothing about a run that ends within its first second", async () => {
    const { heartbeats, lease, add } = setup();
    const short = add("a");
    short.progress.advance(0.5);
    short.progress.enter("Uploading");
    await vi.advanceTimersByTimeAsync(999);
    lease.remove(short);
    await vi.advanceTimersByTimeAsync(1);
    const { progress } = add("b");
    progress.enter("Uploading");
    await vi.advanceTimersByTimeAsync(999);
    expect(heartbeats).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(heartbeats).toMatchObject([[{ job_id: "b", step: "Uploading" }]]);
    lease.close();
    vi.useRealTimers();
  });

  it("stops a run that the Worker no longer knows", async () => {
    const { lease, add, stop } = setup("stop");
    add("a");
    await vi.advanceTimersByTimeAsync(15_000);
    expect(stop).toHaveBeenCalledOnce();
    lease.close();
    vi.useRealTimers();
  });

  it("is silent when nothing runs", async () => {
    const { heartbeats, lease, add } = setup();
    lease.remove(add("a"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heartbeats).toHaveLength(0);
    lease.close();
    vi.useRealTimers();
  });
});
