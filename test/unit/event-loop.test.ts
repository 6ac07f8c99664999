import { expect, it } from "vitest";
import { EventLoopDelay } from "../../processor/event-loop.ts";
import { Metrics } from "../../processor/metrics.ts";

const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 20));

it("the metrics say for how long the event loop was blocked since they were last read", async () => {
  const delay = new EventLoopDelay();
  const metrics = new Metrics();
  const longest = () => {
    delay.report(metrics);
    return Number(/_delay_seconds\{quantile="1"\} ([\d.]+)/.exec(metrics.render())?.[1]);
  };
  await nextTurn();
  const blockedUntil = performance.now() + 300;
  while (performance.now() < blockedUntil);
  await nextTurn();
  expect(longest()).toBeGreaterThan(0.2);
  expect(metrics.render()).toMatch(/^# TYPE waterspout_event_loop_delay_seconds gauge$/m);
  // nothing was blocked since then
  expect(longest()).toBe(0);
  delay.close();
});
