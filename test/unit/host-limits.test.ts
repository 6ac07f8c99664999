import { describe, expect, it } from "vitest";
import { ConnectionGate } from "../../processor/egress/connection-gate.ts";
import { HostLimits } from "../../processor/egress/host-limits.ts";

const URL_A = "https://a.example/film.mp4";

describe("what is learned about a host", () => {
  it("is valid for half an hour, for that host and port alone", () => {
    let now = 0;
    const limits = new HostLimits(() => now);
    limits.remember(URL_A, { connections: 3 });
    limits.remember("https://a.example/other.mp4", { distrustsRanges: true });
    expect(limits.of(URL_A)).toMatchObject({ connections: 3, distrustsRanges: true });
    expect(limits.of("https://a.example:8443/film.mp4")).toEqual({});
    expect(limits.of("https://b.example/film.mp4")).toEqual({});
    now = 31 * 60_000;
    expect(limits.of(URL_A)).toEqual({});
    expect(limits.size).toBe(0);
  });

  it("only becomes stricter meanwhile", () => {
    const limits = new HostLimits();
    for (const connections of [4, 1, 3]) limits.remember(URL_A, { connections });
    expect(limits.of(URL_A).connections).toBe(1);
  });

  it("takes bounded memory: the oldest is dropped", () => {
    const limits = new HostLimits();
    for (let index = 0; index < 1_500; index++)
      limits.remember(`https://h${index}.example/`, { connections: 1 });
    expect(limits.size).toBe(1_000);
    expect(limits.of("https://h0.example/")).toEqual({});
    expect(limits.of("https://h1499.example/").connections).toBe(1);
  });
});

describe("the gate", () => {
  it("lets every request in while no limit is known", async () => {
    const gate = new ConnectionGate(new HostLimits());
    const leases = await Promise.all(Array.from({ length: 20 }, () => gate.enter(URL_A)));
    expect(leases.map(({ others }) => others)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it("treats a refusal as a limit only while other requests are served", async () => {
    const limits = new HostLimits();
    const gate = new ConnectionGate(limits);
    const alone = await gate.enter(URL_A);
    expect(gate.wasTooMany(URL_A, alone)).toBe(false);
    const second = await gate.enter(URL_A);
    expect(gate.wasTooMany(URL_A, second)).toBe(true);
    expect(limits.of(URL_A).connections).toBe(1);
  });

  it("lets requests in one after the other, in order, and those to other hosts at once", async () => {
    const gate = new ConnectionGate(new HostLimits());
    gate.isSingle = true;
    const entered: number[] = [];
    const first = await gate.enter(URL_A);
    const enter = async (index: number) => {
      const lease = await gate.enter(URL_A);
      entered.push(index);
      return lease;
    };
    const second = enter(2);
    const third = enter(3);
    await gate.enter("https://b.example/");
    expect(entered).toEqual([]);
    first.leave();
    (await second).leave();
    await third;
    expect(entered).toEqual([2, 3]);
  });

  it("takes a place back from a body that is not being read, and from no other", async () => {
    const gate = new ConnectionGate(new HostLimits());
    gate.isSingle = true;
    const waits: boolean[] = [];
    const idle = await gate.enter(URL_A);
    const yielded = Promise.withResolvers<void>();
    let isIdle = false;
    let looks = 0;
    idle.holder = {
      isIdle: () => {
        // busy at first
        isIdle = ++looks > 2;
        return isIdle;
      },
      yieldPlace: () => {
        expect(isIdle).toBe(true);
        idle.leave();
        yielded.resolve();
      },
    };
    const next = gate.enter(URL_A, undefined, (waiting) => waits.push(waiting));
    await yielded.promise;
    expect((await next).others).toBe(0);
    expect(waits).toEqual([true, false]);
  });

  it("stops waiting when the signal is aborted", async () => {
    const gate = new ConnectionGate(new HostLimits());
    gate.isSingle = true;
    await gate.enter(URL_A);
    const left = new AbortController();
    const waiting = gate.enter(URL_A, left.signal);
    left.abort(new Error("left"));
    await expect(waiting).rejects.toThrow("left");
  });
});
