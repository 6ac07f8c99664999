import { describe, expect, it } from "vitest";
import { backoffMs } from "../../processor/retry.ts";
import { answeredFailure } from "../../processor/storage/failure.ts";
import { S3ObjectStore } from "../../processor/storage/s3/s3.ts";
import { parseRetryAfter } from "../../schema/retry-after.ts";
import { xmlElements, xmlText, xmlTexts } from "../../schema/storage/xml-answer.ts";

describe("XML reader", () => {
  it("reads flat texts, with or without attributes, and decodes entities", () => {
    const xml = '<R xmlns="x"><Key>a&amp;b&#39;&#x27;&quot;&lt;é</Key><Key a="1">2</Key><Keys>no</Keys></R>';
    expect(xmlTexts(xml, "Key")).toEqual([`a&b''"<é`, "2"]);
    expect(xmlText(xml, "None")).toBeUndefined();
  });

  it("splits elements", () => {
    const xml = "<L><Upload><Key>a</Key></Upload><Upload><Key>b</Key></Upload></L>";
    expect(xmlElements(xml, "Upload").map((upload) => xmlText(upload, "Key"))).toEqual(["a", "b"]);
  });
});

describe("S3 failures", () => {
  const body = (code: string) => `<Error><Code>${code}</Code><Message>why</Message></Error>`;
  it.each([
    [403, "SignatureDoesNotMatch", "upload_refused", false],
    [403, "InvalidAccessKeyId", "upload_refused", false],
    [403, "AccessDenied", "upload_refused", false],
    [403, "RequestTimeTooSkewed", "upload_refused", false],
    [401, "", "upload_refused", false],
    [404, "NoSuchBucket", "upload_refused", false],
    [301, "PermanentRedirect", "upload_refused", false],
    [400, "AuthorizationHeaderMalformed", "upload_refused", false],
    [404, "NoSuchUpload", "upload_failed", false],
    [400, "EntityTooSmall", "upload_failed", false],
    [400, "RequestTimeout", "upload_failed", true],
    [200, "InternalError", "upload_failed", true],
    [408, "", "upload_failed", true],
    [429, "", "upload_failed", true],
    [500, "InternalError", "upload_failed", true],
    [503, "SlowDown", "upload_failed", true],
    [501, "NotImplemented", "upload_failed", false],
  ])("%i %s is %s, repeated: %s", (status, name, code, retryable) => {
    const answer = { status, headers: {}, text: name ? body(name) : "" };
    expect(answeredFailure(answer, 0).failure).toMatchObject({ code, retryable });
  });
});

describe("back-off", () => {
  it("doubles up to its limit and keeps at least half of it", () => {
    const range = { firstMs: 100, maxMs: 1000 };
    const least = [1, 2, 3, 4, 5, 9].map((attempt) => backoffMs(attempt, range, () => 0));
    const most = [1, 2, 3, 4, 5, 9].map((attempt) => backoffMs(attempt, range, () => 1));
    expect(least).toEqual([50, 100, 200, 400, 500, 500]);
    expect(most).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  it.each([
    ["7", 7000],
    ["Thu, 01 Jan 1970 00:00:30 GMT", 20_000],
    ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
    ["9".repeat(400), 86_400_000],
    ["Thu, 01 Jan 2970 00:00:01 GMT", 86_400_000],
    ["soon", undefined],
    [undefined, undefined],
  ])("reads Retry-After %s as %s ms", (header, ms) => {
    expect(parseRetryAfter(header, 10_000)).toBe(ms);
  });
});

describe("S3 links", () => {
  const store = (addressing: "path" | "virtual", endpoint = "https://s3.example.com") =>
    new S3ObjectStore({
      endpoint,
      addressing,
      bucket: "media",
      region: "eu-west-1",
      accessKeyId: "AK",
      secretAccessKey: "SK",
      agentFor: () => {
        throw new Error("a link needs no connection");
      },
    });

  it("address the bucket by path or by host", async () => {
    const byPath = new URL(await store("path").signGet("a/b+c d.mp4", 60));
    expect(byPath.origin + byPath.pathname).toBe("https://s3.example.com/media/a/b%2Bc%20d.mp4");
    const byHost = new URL(await store("virtual").signGet("a/b+c d.mp4", 60));
    expect(byHost.origin + byHost.pathname).toBe("https://media.s3.example.com/a/b%2Bc%20d.mp4");
  });

  it("keep a path of the endpoint and live at most a week", async () => {
    const url = new URL(await store("path", "http://127.0.0.1:9000/s3/").signGet("k", 10 ** 9));
    expect(url.pathname).toBe("/s3/media/k");
    expect(url.searchParams.get("X-Amz-Expires")).toBe("604800");
  });

  it("refuse a key with a dot segment, which a URL parser would collapse", async () => {
    await expect(store("path").signGet("a/../b", 60)).rejects.toMatchObject({ code: "internal" });
  });
});
