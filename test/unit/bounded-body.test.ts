import { expect, it } from "vitest";
import { BodyTooLargeError, readBoundedJson } from "../../schema/bounded-body.ts";

it("reads JSON up to the allowed size, including split UTF-8 characters", async () => {
  const text = JSON.stringify({ name: "grün" });
  const bytes = new TextEncoder().encode(text);
  const stream = ReadableStream.from([...bytes].map((byte) => Uint8Array.of(byte)));
  expect(await readBoundedJson(new Response(stream), bytes.length)).toEqual({ name: "grün" });
});

it("stops reading as soon as there is too much, and blames the sender", async () => {
  let sent = 0;
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        sent += 1024;
        controller.enqueue(new Uint8Array(1024).fill(0x20));
      },
      cancel() {
        isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  await expect(readBoundedJson(new Response(endless), 10_000)).rejects.toBeInstanceOf(BodyTooLargeError);
  expect(sent).toBeLessThanOrEqual(12 * 1024);
  expect(isCancelled).toBe(true);
});

it("fails on anything but JSON, and on an empty body", async () => {
  await expect(readBoundedJson(new Response("<html>"), 100)).rejects.toBeInstanceOf(SyntaxError);
  await expect(readBoundedJson(new Response(null), 100)).rejects.toBeInstanceOf(SyntaxError);
});

it("is used to read every response of other services", async () => {
  const { readFileSync } = await import("node:fs");
  const { trackedFiles } = await import("../support/repository.ts");
  // pages in the browser read what this project's server sends
  const isPage = (file: string) => /^worker\/console\/(app|docs)\//.test(file);
  const sources = trackedFiles().filter((file) => /^(worker|processor)\/.*\.ts$/.test(file) && !isPage(file));
  const unbounded = /\b(response|answer|reply)\??\.(json|text|arrayBuffer|bytes|blob)\(\)/;
  expect(sources.filter((file) => unbounded.test(readFileSync(file, "utf8")))).toEqual([]);
});
