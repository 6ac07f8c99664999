import { expect, it } from "vitest";
import { ConnectionGate } from "../../processor/egress/connection-gate.ts";
import { HostLimits } from "../../processor/egress/host-limits.ts";
import { Stopwatch } from "../../processor/stopwatch.ts";

it("the gate of a host counts the time for which requests wait for a connection", async () => {
  let now = 0;
  const waits = new Stopwatch(() => now);
  const gate = new ConnectionGate(new HostLimits(), waits);
  gate.isSingle = true;
  const first = await gate.enter("https://media.example.com/a.mp4");
  expect(waits.ms).toBeNull();
  const second = gate.enter("https://media.example.com/b.mp4");
  now = 30;
  first.leave();
  (await second).leave();
  now = 90;
  expect(waits.ms).toBe(30);
});
