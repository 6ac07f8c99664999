import { describe, expect, it } from "vitest";
import { plainHead } from "../../processor/egress/connection/plain-head.ts";
import { repairedHead } from "../../processor/egress/connection/repaired-head.ts";

const head = (...lines: string[]) => Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
const LENGTH = "Content-Length: 4194304";

describe("the head of a response", () => {
  it("is parsed as if the body had one byte, whatever else it says", () => {
    const reported = head("HTTP/1.1 206 Partial Content", 'ETag: "a\xe9"', LENGTH, "Connection: keep-alive");
    const plain = plainHead(Buffer.concat([reported, Buffer.from("body\r\n\r\n")]));
    expect(plain).toMatchObject({ length: reported.length, bodyBytes: 4_194_304 });
    const shown = head(
      "HTTP/1.1 206 Partial Content",
      'ETag: "a\xe9"',
      "content-length: 1",
      "Connection: keep-alive",
    );
    expect(plain?.shown).toEqual(shown);
  });

  it.each([
    ["does not end in the chunk", Buffer.from(`HTTP/1.1 200 OK\r\n${LENGTH}\r\n`)],
    ["is no success", head("HTTP/1.1 302 Found", LENGTH)],
    ["is only an interim one", head("HTTP/1.1 100 Continue", LENGTH)],
    ["is of an older version", head("HTTP/1.0 200 OK", LENGTH)],
    ["reports no length", head("HTTP/1.1 200 OK", "Connection: close")],
    ["reports two lengths", head("HTTP/1.1 200 OK", LENGTH, "Content-Length: 70000")],
    ["reports a length that is no number", head("HTTP/1.1 200 OK", "Content-Length: 70000, 70000")],
    ["reports a transfer coding too", head("HTTP/1.1 200 OK", LENGTH, "Transfer-Encoding: chunked")],
    ["announces little", head("HTTP/1.1 200 OK", "Content-Length: 1000")],
  ])("is left to a real parser when it %s", (_case, chunk) => {
    expect(plainHead(chunk)).toBeNull();
  });

  it.each([
    ["names no version", head("ICY 200 OK", "icy-br: 128"), head("HTTP/1.0 200 OK", "icy-br: 128")],
    [
      "states a length twice",
      head("HTTP/1.1 200 OK", LENGTH, "A: b", LENGTH),
      head("HTTP/1.1 200 OK", "A: b", LENGTH),
    ],
    [
      "states a length as a list",
      head("HTTP/1.1 200 OK", `${LENGTH}, 4194304`),
      head("HTTP/1.1 200 OK", LENGTH),
    ],
  ])("is repaired when it %s", (_case, received, expected) => {
    const body = Buffer.from("\x00\xffbody");
    const repaired = repairedHead(Buffer.concat([received, body]));
    expect(repaired.toString("latin1").toLowerCase()).toBe(
      Buffer.concat([expected, body]).toString("latin1").toLowerCase(),
    );
  });

  it.each([
    ["two lengths", head("HTTP/1.1 200 OK", LENGTH, "Content-Length: 70000")],
    ["one length", head("HTTP/1.1 200 OK", LENGTH)],
    ["no end in the chunk", Buffer.from(`HTTP/1.1 200 OK\r\n${LENGTH}\r\n${LENGTH}\r\n`)],
  ])("is left alone with %s", (_case, received) => {
    expect(repairedHead(received)).toBe(received);
  });
});
