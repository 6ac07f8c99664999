import { describe, expect, it } from "vitest";
import { Slots } from "../../processor/run/slots.ts";
import { Stopwatch } from "../../processor/stopwatch.ts";

const never = new AbortController().signal;

describe("Slots", () => {
  it("admits no more than it holds, in the order of arrival", async () => {
    const slots = new Slots(2);
    const order: string[] = [];
    const gates = ["a", "b", "c", "d"].map(() => Promise.withResolvers<void>());
    const held = ["a", "b", "c", "d"].map((name, i) =>
      slots.hold(never, new Stopwatch(), async () => {
        order.push(name);
        await gates[i]?.promise;
      }),
    );
    await Promise.resolve();
    expect(order).toEqual(["a", "b"]);
    gates[1]?.resolve();
    await held[1];
    expect(order).toEqual(["a", "b", "c"]);
    for (const gate of gates) gate.resolve();
    await Promise.all(held);
    expect(slots.used).toBe(0);
  });

  it("leaves the queue when the signal is aborted", async () => {
    const slots = new Slots(1);
    expect(slots.tryTake()).toBe(true);
    const abort = new AbortController();
    const waiting = slots.hold(abort.signal, new Stopwatch(), async () => "never");
    abort.abort(new Error("stop"));
    await expect(waiting).rejects.toThrow("stop");
    slots.release();
    expect(await slots.hold(never, new Stopwatch(), async () => "next")).toBe("next");
  });

  it("frees the slot of work that failed", async () => {
    const slots = new Slots(1);
    await expect(slots.hold(never, new Stopwatch(), () => Promise.reject(new Error("no")))).rejects.toThrow(
      "no",
    );
    expect(slots.used).toBe(0);
  });

  it("counts the time of waiting, and no other", async () => {
    let now = 0;
    const waits = new Stopwatch(() => now);
    const slots = new Slots(1);
    expect(waits.ms).toBeNull();
    const gate = Promise.withResolvers<void>();
    const first = slots.hold(never, waits, () => gate.promise);
    await Promise.resolve();
    expect(waits.ms).toBe(0);
    // two that wait at the same time count once
    const others = [slots.hold(never, waits, async () => {}), slots.hold(never, waits, async () => {})];
    now = 40;
    expect(waits.ms).toBe(40);
    gate.resolve();
    await Promise.all([first, ...others]);
    now = 100;
    expect(waits.ms).toBe(40);
  });
});
