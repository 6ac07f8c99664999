import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PostGate, QUICK_MS } from "../../worker/services/webhooks/post-gate.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const hung = (signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve("given up")));
const quick = async (): Promise<string> => "delivered";
const isSlow = false;

describe("events that are sent together", () => {
  it("are delayed by six endpoints that hang only until these are known to be slow", async () => {
    const gate = new PostGate();
    const hanging = Array.from({ length: 6 }, (_, i) => gate.pass({ name: `hung-${i}`, isSlow }, hung));
    const others = Array.from({ length: 14 }, (_, i) => gate.pass({ name: `quick-${i}`, isSlow }, quick));
    await vi.advanceTimersByTimeAsync(QUICK_MS);
    expect(new Set((await Promise.all(others)).map(({ type }) => type))).toEqual(new Set(["done"]));
    for (const passage of await Promise.all(hanging)) expect(passage).toEqual({ type: "preempted" });
  });

  it("do not wait at all for endpoints that are known to be slow", async () => {
    const gate = new PostGate();
    for (let i = 0; i < 10; i++) void gate.pass({ name: `slow-${i}`, isSlow: true }, hung);
    const others = Array.from({ length: 30 }, (_, i) => gate.pass({ name: `quick-${i % 3}`, isSlow }, quick));
    expect((await Promise.all(others)).every(({ type }) => type === "done")).toBe(true);
  });

  it("have two connections for each endpoint, and six in all", async () => {
    const gate = new PostGate();
    let [now, most] = [0, 0];
    const byName = new Map<string, number>();
    const send = async (name: string) => {
      const ofName = (byName.get(name) ?? 0) + 1;
      byName.set(name, ofName);
      expect(ofName).toBeLessThanOrEqual(2);
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      now -= 1;
      byName.set(name, (byName.get(name) ?? 0) - 1);
    };
    const names = Array.from({ length: 40 }, (_, i) => (i < 20 ? "popular" : `other-${i}`));
    const all = Promise.all(names.map((name) => gate.pass({ name, isSlow }, () => send(name))));
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await all).every(({ type }) => type === "done")).toBe(true);
    expect(most).toBe(6);
  });

  it("go back to the queue when no connection becomes free", async () => {
    const gate = new PostGate();
    for (let i = 0; i < 2; i++) void gate.pass({ name: `slow-${i}`, isSlow: true }, hung);
    const waiting = gate.pass({ name: "slow-3", isSlow: true }, quick);
    await vi.advanceTimersByTimeAsync(25_000);
    expect(await waiting).toEqual({ type: "crowded" });
  });
});
