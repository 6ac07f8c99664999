import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { StorageFault } from "../../processor/fault.ts";
import { checksumOf } from "../../processor/storage/uploads/content-digest.ts";
import { type CompletionState, completeSurely } from "../../processor/storage/uploads/resolve-completion.ts";
import {
  compareStored,
  isCompositeCrc32,
  isCompositeEtag,
} from "../../processor/storage/uploads/stored-checksum.ts";

const md5 = (text: string) => createHash("md5").update(text).digest();
const sent = md5("test");
const hex = sent.toString("hex");
const other = md5("other");

describe("what a storage reports about a part", () => {
  it.each([
    ["an ETag of its MD5", { etag: `"${hex}"` }, "same"],
    [
      "an ETag in capitals, as OSS writes it",
      { etag: `"${hex.toUpperCase()}"`, server: "AliyunOSS" },
      "same",
    ],
    ["an ETag that may be anything", { etag: `"${other.toString("hex")}"` }, "unknown"],
    ["another MD5 where ETags are MD5s", { etag: `"${other.toString("hex")}"`, server: "AmazonS3" }, "other"],
    [
      "another ETag of a part that a KMS encrypted",
      { etag: `"${other.toString("hex")}"`, server: "AmazonS3", "x-amz-server-side-encryption": "aws:kms" },
      "unknown",
    ],
    [
      "another MD5 of a part that the service encrypted",
      { etag: `"${other.toString("hex")}"`, server: "AmazonS3", "x-amz-server-side-encryption": "AES256" },
      "other",
    ],
    ["an ETag of another form", { etag: '"0x8DCAFE"', server: "Windows-Azure-Blob/1.0" }, "unknown"],
    ["its MD5", { "content-md5": sent.toString("base64") }, "same"],
    [
      "another MD5, whatever the ETag",
      { "content-md5": other.toString("base64"), etag: `"${hex}"` },
      "other",
    ],
    ["Google's hashes", { "x-goog-hash": `crc32c=AAAAAA==,md5=${sent.toString("base64")}` }, "same"],
    ["Google's other hashes", { "x-goog-hash": `crc32c=AAAAAA==, md5=${other.toString("base64")}` }, "other"],
    ["Google's CRC alone", { "x-goog-hash": "crc32c=AAAAAA==" }, "unknown"],
    ["nothing", {}, "unknown"],
  ] as const)("%s: %j is %s", (_case, headers, verdict) => {
    expect(compareStored(headers, { md5: sent })).toBe(verdict);
  });

  it.each([
    ["the same CRC-32", { "x-amz-checksum-crc32": "2H9+DA==" }, "same"],
    [
      "another CRC-32, even with the right ETag",
      { "x-amz-checksum-crc32": "AAAAAA==", etag: `"${hex}"` },
      "other",
    ],
    ["an ETag alone", { etag: `"${hex}"` }, "unknown"],
  ] as const)("of which the CRC-32 was sent: %s, %j is %s", (_case, headers, verdict) => {
    expect(
      compareStored(headers, { crc32: checksumOf([Buffer.from("te"), Buffer.from("st")], "crc32") }),
    ).toBe(verdict);
  });

  it("is proven for the whole by the CRC-32 of the CRC-32s", () => {
    const parts = ["a", "b"].map((text) => checksumOf([Buffer.from(text)], "crc32"));
    const composite = checksumOf(parts, "crc32").toString("base64");
    expect(isCompositeCrc32(`${composite}-2`, parts)).toBe(true);
    expect(isCompositeCrc32(composite, parts)).toBe(true);
    expect(isCompositeCrc32(`${composite}-3`, parts)).toBe(false);
    expect(isCompositeCrc32(checksumOf([Buffer.from("ab")], "crc32").toString("base64"), parts)).toBe(false);
    expect(isCompositeCrc32(undefined, parts)).toBe(false);
  });

  it("is proven for the whole by the MD5 of the MD5s", () => {
    const whole = md5("").toString("hex");
    expect(isCompositeEtag(`"${whole}-0"`, [])).toBe(true);
    const both = createHash("md5")
      .update(Buffer.concat([sent, other]))
      .digest("hex");
    expect(isCompositeEtag(`"${both.toUpperCase()}-2"`, [sent, other])).toBe(true);
    expect(isCompositeEtag(`"${both}-2"`, [other, sent])).toBe(false);
    expect(isCompositeEtag(undefined, [sent])).toBe(false);
  });
});

describe("a completion", () => {
  const lost = () =>
    new StorageFault("upload_failed", "the storage could not be reached", { transient: true });
  const hangs = () =>
    new StorageFault("upload_failed", "the storage hangs: no response", { transient: false });
  const gone = () => new StorageFault("upload_failed", "NoSuchUpload (404)", { transient: false });
  const wrong = () => new StorageFault("upload_failed", "InvalidPart (400)", { transient: false });

  /** Sends fail as listed, after this many repetitions; null: it succeeds. */
  async function run(
    sends: readonly (StorageFault | null)[],
    states: readonly CompletionState[],
    repeats = 0,
  ) {
    const [left, asked] = [[...sends], [...states]];
    const result = await completeSurely({
      async send(onRetry) {
        for (let count = 0; count < repeats; count++) onRetry();
        const failure = left.shift();
        if (failure) throw failure;
      },
      inspect: async () => asked.shift() ?? "failed",
      isGone: (failure) =>
        failure instanceof StorageFault && failure.detail?.startsWith("NoSuchUpload") === true,
    }).then(
      () => "completed",
      (error: StorageFault) => error.detail,
    );
    return { result, sends: sends.length - left.length, inspected: states.length - asked.length };
  }

  it.each<
    [string, readonly (StorageFault | null)[], readonly CompletionState[], number, string | undefined, number]
  >([
    ["that succeeds is not asked about", [null], ["failed"], 0, "completed", 1],
    ["that was lost is found in the object", [lost()], ["completed"], 5, "completed", 1],
    ["that hung is found in the object", [hangs()], ["completed"], 0, "completed", 1],
    ["that was lost is found in the parts", [gone()], ["gone"], 1, "completed", 1],
    ["that did not arrive is sent again", [lost(), null], ["unfinished"], 5, "completed", 2],
    ["about which nothing may be read is sent again", [lost(), null], ["hidden"], 5, "completed", 2],
    ["that a second one finds gone is done", [lost(), gone()], ["hidden", "hidden"], 5, "completed", 2],
    ["that was sent twice and is gone is done", [gone()], ["hidden"], 1, "completed", 1],
    ["of an upload that is gone at once is none", [gone()], ["completed"], 0, "NoSuchUpload (404)", 1],
    ["that is refused at once is none", [wrong()], ["completed"], 0, "InvalidPart (400)", 1],
    ["whose object is another one is none", [gone()], ["failed"], 1, "NoSuchUpload (404)", 1],
    ["is given up in the end", [lost(), lost()], ["hidden", "hidden"], 5, lost().detail, 2],
  ])("%s", async (_case, sends, states, repeats, result, count) => {
    expect(await run(sends, states, repeats)).toMatchObject({ result, sends: count });
  });
});
