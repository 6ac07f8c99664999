import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { serveSegmentSource } from "../../processor/egress/loopback.ts";
import { MissingMedia } from "../../processor/egress/missing-media.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { openRangeSource } from "../../processor/egress/range-source.ts";
import { SegmentSource } from "../../processor/egress/segment-source.ts";
import { streamPiece } from "../../processor/egress/source-piece.ts";
import { openSpan, streamRange } from "../../processor/egress/source-read.ts";
import { clientFor, impatientClock } from "../support/egress.ts";
import { patternedBytes } from "../support/media.ts";
import { listen } from "../support/ports.ts";

/** Responses that break off, that explain why there is nothing, or that no request asked for. */

const BYTES = patternedBytes(100_000);
const BROKEN_AT = 40_000;

/** Answers the next requests, one after the other; the last one also those behind it. */
let script: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
let ranges: (string | undefined)[] = [];

const server: Server = http.createServer((request, response) => {
  ranges.push(request.headers.range);
  const answer = script.length > 1 ? script.shift() : script[0];
  answer?.(request, response);
});
const host = `127.0.0.1:${await listen(server)}`;
const { client, policy } = clientFor(host);
const url = `http://${host}/piece`;

const request = () => ({ url, headers: {}, signal: AbortSignal.timeout(20_000), clock: impatientClock() });

beforeEach(() => {
  ranges = [];
});

afterAll(() => {
  policy.close();
  server.closeAllConnections();
  server.close();
});

function whole(incoming: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-/.exec(incoming.headers.range ?? "")?.[1] ?? 0);
  const rest = BYTES.subarray(start);
  if (start > 0) {
    response.writeHead(206, {
      "content-length": rest.length,
      "content-range": `bytes ${start}-${BYTES.length - 1}/${BYTES.length}`,
    });
  } else response.writeHead(200, { "content-length": rest.length });
  response.end(rest);
}

function brokenOff(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-length": BYTES.length });
  response.write(BYTES.subarray(0, BROKEN_AT), () => setImmediate(() => response.destroy()));
}

const missing = (_: IncomingMessage, response: ServerResponse) => void response.writeHead(404).end("no");

function atItsEnd(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(416, { "content-range": `bytes */${BYTES.length}`, "content-type": "text/html" });
  response.end("<title>416</title>".repeat(100));
}

function switched(_: IncomingMessage, response: ServerResponse): void {
  response.socket?.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
}

/** What a reader gets, and how reading ends. */
async function received(read: (put: (chunk: Buffer) => void) => Promise<void>) {
  const chunks: Buffer[] = [];
  const end = await read((chunk) => void chunks.push(Buffer.from(chunk))).then(
    () => "read",
    (error: { code?: string }) => error.code,
  );
  return { bytes: Buffer.concat(chunks), end };
}

describe("a piece that breaks off", () => {
  it("continues where it broke off after the source said once that it does not have it", async () => {
    script = [brokenOff, missing, whole];
    const { bytes, end } = await received((put) =>
      streamPiece(client, request(), { start: 0 }, { put }, () => true),
    );
    expect(end).toBe("read");
    expect(bytes.equals(BYTES)).toBe(true);
    expect(ranges).toEqual([undefined, `bytes=${BROKEN_AT}-${BYTES.length - 1}`, `bytes=${BROKEN_AT}-`]);
  });

  it("is not one that is missing, even if the source does not have its rest", async () => {
    const left = new MissingMedia();
    const fragments = Array.from({ length: 20 }, (_, index) => ({ url: `${url}/${index}`, duration: 2 }));
    left.expect(fragments.map(({ duration: seconds }) => ({ seconds })));
    const options = { fragments, missing: left, connections: 1, ...request() };
    script = [brokenOff, missing];
    const source = new SegmentSource(client, options);
    const { end } = await received(async (put) => {
      for await (const batch of source.read()) batch.forEach(put);
    });
    expect(end).toBe("unavailable");
    expect(left.count).toBe(0);
  });
});

describe("a span behind the end of a resource", () => {
  it("is refused, and the page that says so is not its content", async () => {
    script = [atItsEnd];
    const span = { start: BYTES.length, end: BYTES.length + 10 };
    const { bytes, end } = await received((put) => streamRange(client, request(), span, { put }));
    expect(end).toBe("network");
    expect(bytes).toHaveLength(0);
    expect(ranges.length).toBeLessThan(10);
  });

  it("is empty if it has no end", async () => {
    script = [atItsEnd];
    const { bytes, end } = await received((put) =>
      streamRange(client, request(), { start: BYTES.length }, { put }),
    );
    expect({ end, length: bytes.length }).toEqual({ end: "read", length: 0 });
  });
});

describe("a server that switches protocols", () => {
  it("fails the request for a span", async () => {
    script = [switched];
    await expect(openSpan(client, request(), null, 1)).rejects.toMatchObject({ code: "network" });
  });

  it("fails the request of a tool", async () => {
    script = [switched];
    const proxy = await EgressProxy.start(policy);
    const { hostname, port } = new URL(proxy.url);
    const tool = connect(Number(port), hostname);
    tool.write(`GET ${url} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(await text(tool)).toMatch(/^HTTP\/1\.1 502 /);
    await proxy.close();
  });
});

it("a file that was closed is not read any more", async () => {
  script = [
    (_, response) => {
      response.writeHead(206, {
        "content-length": 1_000,
        "content-range": `bytes 0-999/${BYTES.length}`,
      });
      response.end(BYTES.subarray(0, 1_000));
    },
  ];
  const file = await openRangeSource(client, request());
  expect((await file.readPart(0, 1_000)).equals(BYTES.subarray(0, 1_000))).toBe(true);
  file.close();
  await expect(file.readPart(0, 1_000)).rejects.toThrow("the file was closed");
});

it("a tool gets the bytes of a batch before their memory is used again, also if nothing follows them", async () => {
  const memory = Buffer.alloc(8 << 20, "A");
  const source = {
    async *read() {
      yield [memory, Buffer.alloc(0)];
      memory.fill("B");
      yield [Buffer.alloc(0)];
      yield [];
    },
  };
  const proxy = await EgressProxy.start(policy);
  const { baseUrl } = proxy.mount(serveSegmentSource(source as unknown as SegmentSource, () => {}));
  const { hostname, port } = new URL(proxy.url);
  const tool = connect(Number(port), hostname);
  tool.write(`GET ${baseUrl}/media HTTP/1.1\r\nhost: ${new URL(baseUrl).host}\r\nconnection: close\r\n\r\n`);
  const response = await text(tool);
  expect(response).not.toContain("B".repeat(100));
  expect(response).toContain("A".repeat(100));
  await proxy.close();
});
