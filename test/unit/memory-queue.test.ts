import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MemoryQueue } from "../../worker/embedded/memory-queue.ts";

type Batch = Parameters<ConstructorParameters<typeof MemoryQueue>[0]["consume"]>[0];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A queue whose consumer does with each batch what the test says. */
function startQueue(consume: (batch: Batch) => Promise<void> | void) {
  const lines: string[] = [];
  const work: Promise<unknown>[] = [];
  const queue = new MemoryQueue({
    name: "jobs",
    consume: async (batch) => consume(batch),
    waitUntil: (promise) => work.push(promise),
    log: (event, fields) => lines.push(`${event} ${JSON.stringify(fields)}`),
  });
  return { queue, lines, done: () => Promise.all(work) };
}

const bodiesOf = ({ messages }: Batch) => messages.map(({ body }: { readonly body: unknown }) => body);

it("delivers messages in their order, ten at once, one batch after the other", async () => {
  const batches: unknown[][] = [];
  const ends: (() => void)[] = [];
  const { queue, done } = startQueue((batch) => {
    batches.push([batch.queue, ...bodiesOf(batch)]);
    return new Promise((resolve) => ends.push(resolve));
  });
  queue.send([{ body: 0 }]);
  queue.send(Array.from({ length: 11 }, (_, index) => ({ body: index + 1 })));
  expect(batches).toEqual([["jobs", 0]]);
  expect(queue.backlogCount).toBe(11);
  ends[0]?.();
  await vi.waitFor(() => expect(batches).toHaveLength(2));
  expect(batches[1]).toEqual(["jobs", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  ends[1]?.();
  await vi.waitFor(() => expect(batches).toHaveLength(3));
  expect(batches[2]).toEqual(["jobs", 11]);
  ends[2]?.();
  await done();
  expect(queue.backlogCount).toBe(0);
});

it("delivers a message again that is retried, after its delay, with a higher number of attempts", async () => {
  const attempts: [unknown, number][] = [];
  const { queue, done } = startQueue(({ messages }) => {
    for (const message of messages) {
      attempts.push([message.body, message.attempts]);
      if (message.body === "again" && message.attempts < 3) message.retry({ delaySeconds: 5 });
      else message.ack();
    }
  });
  queue.send([{ body: "again" }, { body: "once" }]);
  await done();
  expect(attempts).toEqual([
    ["again", 1],
    ["once", 1],
  ]);
  expect(queue.backlogCount).toBe(1);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(attempts).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(attempts.slice(2)).toEqual([["again", 2]]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(attempts.slice(3)).toEqual([["again", 3]]);
  expect(queue.backlogCount).toBe(0);
});

it("delivers a message that is sent with a delay when it is due, and those of the same second together", async () => {
  const batches: unknown[][] = [];
  const { queue } = startQueue((batch) => void batches.push(bodiesOf(batch)));
  queue.send([{ body: "a", delaySeconds: 10 }, { body: "b", delaySeconds: 10 }, { body: "now" }]);
  expect(batches).toEqual([["now"]]);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(batches).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(batches.slice(1)).toEqual([["a", "b"]]);
});

it("continues after a consumer that fails, and logs how many messages were lost", async () => {
  const seen: unknown[] = [];
  const { queue, lines, done } = startQueue((batch) => {
    seen.push(...bodiesOf(batch));
    if (seen.length === 1) throw new Error("no database");
  });
  queue.send([{ body: "lost" }]);
  queue.send([{ body: "next" }]);
  await done();
  expect(seen).toEqual(["lost", "next"]);
  expect(lines).toEqual(['messages_lost {"messages":1,"error":"Error: no database"}']);
});
