import { once } from "node:events";
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { createLineWriter, timedLine } from "../../bin/stack/platform/line-writer.ts";

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

it("gives every line one shape, with a time", () => {
  expect(JSON.parse(timedLine("worker", '{"event":"request","ms":3}'))).toEqual({
    ...{ time: TIME, service: "worker", event: "request", ms: 3 },
  });
  expect(JSON.parse(timedLine("processor", "Trace: {"))).toEqual({
    ...{ time: TIME, service: "processor", event: "output", text: "Trace: {" },
  });
});

it("drops lines that a slow reader would make wait, and says how many", async () => {
  const stream = new PassThrough({ highWaterMark: 1 });
  const write = createLineWriter(stream, 100);
  for (let line = 0; line < 10; line++) write("x".repeat(49));
  expect(stream.writableLength).toBeLessThanOrEqual(100);
  const drained = once(stream, "drain");
  let text = "";
  stream.on("data", (chunk) => {
    text += chunk;
  });
  await drained;
  write("after");
  stream.end();
  await once(stream, "end");
  const lines = text.trim().split("\n");
  const kept = lines.filter((line) => line.startsWith("xx")).length;
  expect(JSON.parse(lines.at(-2) ?? "")).toMatchObject({ event: "log_lines_dropped", lines: 10 - kept });
  expect(lines.at(-1)).toBe("after");
});

it("survives a reader that is gone", () => {
  const stream = new PassThrough();
  const write = createLineWriter(stream);
  stream.destroy(new Error("EPIPE"));
  expect(() => write("lost")).not.toThrow();
});
