import fc from "fast-check";
import { expect, it } from "vitest";
import { EventStreamReader } from "../../schema/client/event-stream.ts";

const TEXT = [
  "\uFEFF: a remark\r\n",
  "retry: 1500\n\n",
  "event: progress\nid: 7\ndata: {\ndata:  }\n\n",
  "data\r\rid\ndata: é x: y\r\n\r\n",
  "event: lost\nid: 8\n\n",
  "event: windows\r\ndata: a\r\ndata: b\r\n\r\n",
  "unknown: field\ndata: last\n\nevent: cut off\ndata: never reported",
].join("");

const EVENTS = [
  { event: "progress", id: "7", data: "{\n }" },
  { event: "message", id: "7", data: "" },
  { event: "message", id: "", data: "é x: y" },
  { event: "windows", id: "8", data: "a\nb" },
  { event: "message", id: "8", data: "last" },
];

it("reads fields, line ends and comments as the standard says", () => {
  const reader = new EventStreamReader();
  expect(reader.push(TEXT)).toEqual(EVENTS);
  expect(reader.retryMs).toBe(1500);
});

it("gives the same events wherever the text is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(TEXT.length), { maxLength: 30 }), (cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), TEXT.length];
      const reader = new EventStreamReader();
      const events = edges.slice(1).flatMap((end, i) => reader.push(TEXT.slice(edges[i], end)));
      expect(events).toEqual(EVENTS);
    }),
  );
});
