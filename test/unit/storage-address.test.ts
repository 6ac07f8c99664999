import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BucketAddress, objectUrl } from "../../schema/storage/address.ts";
import { givenOptions, optionHeaders, optionsOf } from "../../schema/storage/object-options.ts";
import { ObjectKeyError } from "../../schema/storage/object-path.ts";

const ADDRESSES: readonly BucketAddress[] = [
  { endpoint: "https://s3.example.com", bucket: "media", addressing: "path" },
  { endpoint: "https://s3.example.com/base/", bucket: "media", addressing: "path" },
  { endpoint: "https://oss-cn-hangzhou.aliyuncs.com", bucket: "media", addressing: "virtual" },
];
const address = fc.constantFrom(...ADDRESSES);
const segment = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .map((text) => text.replaceAll("/", "_"));
const isDots = (text: string) => text === "." || text === "..";

describe("the URL of an object", () => {
  it("survives a URL parser, and names exactly its key", () => {
    const keys = fc.array(
      segment.filter((text) => !isDots(text)),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(address, keys, (at, segments) => {
        const key = segments.join("/");
        const url = objectUrl(at, key, { uploadId: "a+b/c==" });
        expect(new URL(url).href).toBe(url);
        const path = new URL(url).pathname;
        const folder = new URL(objectUrl(at, "x")).pathname.slice(0, -1);
        expect(decodeURIComponent(path.slice(folder.length))).toBe(key);
        expect(new URL(url).searchParams.get("uploadId")).toBe("a+b/c==");
      }),
    );
  });

  it("does not exist for a key with a dot segment, wherever it is", () => {
    const keys = fc.tuple(fc.array(segment), fc.constantFrom(".", ".."), fc.array(segment));
    fc.assert(
      fc.property(address, keys, (at, [front, dots, back]) => {
        expect(() => objectUrl(at, [...front, dots, ...back].join("/"))).toThrow(ObjectKeyError);
      }),
    );
  });
});

describe("the options of an object", () => {
  const options = {
    ...{ server_side_encryption: "AES256", kms_key_id: "k", encryption_scope: "scope", storage_class: "C" },
    ...{ acl: "private", tags: { "a b": "c/d", e: "" } },
  };

  it.each(["s3", "blob", "gcs", "oss"] as const)("of %s have one header each, sent once", (provider) => {
    const given = givenOptions({ provider, options });
    expect(given.map(({ option }) => option)).toEqual(optionsOf(provider));
    const put = optionHeaders({ provider, options }, "put");
    expect(Object.keys(put)).toHaveLength(given.length);
    const parts = (["begin", "complete"] as const).map((request) =>
      optionHeaders({ provider, options }, request),
    );
    expect(Object.assign({}, ...parts)).toEqual(put);
    expect(Object.keys(parts[0] ?? {}).length + Object.keys(parts[1] ?? {}).length).toBe(given.length);
  });

  it("give no headers without any, and the excluded ones are left out", () => {
    expect(optionHeaders({ provider: "s3" }, "put")).toEqual({});
    expect(
      optionHeaders({ provider: "s3", options: { storage_class: "C" } }, "put", ["storage_class"]),
    ).toEqual({});
    expect(optionHeaders({ provider: "blob", options }, "put")["x-ms-tags"]).toBe("a%20b=c%2Fd&e=");
  });
});
