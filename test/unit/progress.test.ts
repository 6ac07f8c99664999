import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Progress } from "../../processor/run/progress.ts";

describe("Progress", () => {
  it("never goes backwards and leaves the last percent to the outcome", () => {
    const event = fc.oneof(
      fc.record({ type: fc.constant("advance" as const), by: fc.double({ min: -1, max: 2, noNaN: true }) }),
      fc.record({ type: fc.constant("receive" as const), by: fc.nat(1000) }),
      fc.record({ type: fc.constant("store" as const), by: fc.nat(2000) }),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const progress = new Progress();
        progress.expect(1000);
        let before = 0;
        for (const { type, by } of events) {
          progress[type](by);
          const { progress: now } = progress.snapshot;
          expect(now).toBeGreaterThanOrEqual(before);
          expect(now).toBeLessThanOrEqual(99);
          before = now;
        }
      }),
    );
  });

  it("moves with every received byte, not only with stored parts", () => {
    const progress = new Progress();
    progress.expect(1000);
    progress.receive(500);
    expect(progress.snapshot.progress).toBe(35);
    progress.store(500);
    expect(progress.snapshot.progress).toBe(50);
  });

  it("moves while sources are read to the disk, and from there on while the result is written", () => {
    const progress = new Progress();
    const [video, audio] = [progress.spool(3000), progress.spool(1000)];
    video(1500);
    expect(progress.snapshot.progress).toBe(22);
    audio(1000);
    video(9999);
    expect(progress.snapshot.progress).toBe(60);
    progress.write(0.5);
    expect(progress.snapshot.progress).toBe(79);
  });

  it("reports the rate since the first byte", () => {
    let now = 5_000;
    const progress = new Progress(undefined, () => now);
    expect(progress.snapshot.downloadRate).toBeNull();
    progress.receive(1);
    now += 2_000;
    progress.receive(3_999);
    expect(progress.snapshot.downloadRate).toBe(2_000);
    expect(progress.downloadMs).toBe(2_000);
  });

  it("shows the latest step that was entered", () => {
    const steps: boolean[] = [];
    const progress = new Progress((stepChanged) => steps.push(stepChanged));
    progress.enter("Uploading");
    progress.enter("Muxing");
    expect(progress.snapshot.step).toBe("Uploading");
    expect(steps).toEqual([true]);
  });
});
