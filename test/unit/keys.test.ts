import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FORMATS } from "../../schema/containers.ts";
import {
  byteLength,
  cleanFilename,
  defaultFilename,
  MAX_KEY_BYTES,
  objectKey,
  stemOf,
} from "../../schema/storage/object-key.ts";
import { encodeKey } from "../../schema/storage/object-path.ts";
import { displayPrefix, isWellFormedKey, makeApiKey } from "../../worker/lib/api-key.ts";

const random = (length: number): Uint8Array => randomBytes(length);

describe("an API key", () => {
  it("has its format, and a checksum that is base62 of CRC-32", () => {
    const key = makeApiKey(random);
    expect(key).toMatch(/^sk_live_[0-9A-Za-z]{36}$/);
    expect(isWellFormedKey(key)).toBe(true);
    const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const value = [...key.slice(-6)].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
    expect(value).toBe(crc32(key.slice(0, -6)));
    expect(displayPrefix(key)).toBe(key.slice(0, 12));
  });

  it("is different each time", () => {
    expect(new Set(Array.from({ length: 1_000 }, () => makeApiKey(random))).size).toBe(1_000);
  });

  it("uses every character equally often", () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 2_000; i++) {
      for (const character of makeApiKey(random).slice(8, 38))
        counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    const expected = (2_000 * 30) / 62;
    expect(counts.size).toBe(62);
    for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(expected * 0.3);
  });

  it("with one wrong character is refused", () => {
    const key = makeApiKey(random);
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.constantFrom(..."0aZ_-é"), (at, character) => {
        fc.pre(key[at] !== character);
        expect(isWellFormedKey(key.slice(0, at) + character + key.slice(at + 1))).toBe(false);
      }),
    );
  });

  it.each(["", "sk_live_", "sk_test_abc", `${makeApiKey(random)}\n`, ` ${makeApiKey(random)}`])(
    "is not valid as %j",
    (text) => {
      expect(isWellFormedKey(text)).toBe(false);
    },
  );
});

describe("an object's key", () => {
  it("is base folder, prefix, folder and file, with empty parts left out and slashes collapsed", () => {
    const parts = { base_folder: "videos", filename: "c", extension: "mp4" } as const;
    expect(objectKey(parts)).toBe("videos/c.mp4");
    expect(objectKey({ ...parts, folder: "a//b/" })).toBe("videos/a/b/c.mp4");
    expect(objectKey({ ...parts, folder_prefix: "/p/", folder: " x / y " })).toBe("videos/p/x/y/c.mp4");
    expect(objectKey({ ...parts, base_folder: "", folder: "" })).toBe("c.mp4");
  });

  it("never climbs, whatever the folder", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (folder, folder_prefix) => {
        const key = objectKey({
          base_folder: "videos",
          folder_prefix,
          folder,
          filename: "c",
          extension: "mp4",
        });
        expect(key.split("/")).not.toContain("..");
        expect(key).toMatch(/^videos\//);
        expect(key).not.toContain("//");
      }),
    );
  });
});

describe("a key that a URL can name", () => {
  it("results from every folder and every title, even one that is cut in the middle of a character", () => {
    const units = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 60 });
    const cut = fc.tuple(units, fc.constantFrom("", "\ud83d", "\ude00")).map((parts) => parts.join(""));
    fc.assert(
      fc.property(cut, cut, cut, (folder, folder_prefix, title) => {
        const filename = defaultFilename(title, "1");
        const key = objectKey({ base_folder: "videos", folder_prefix, folder, filename, extension: "mp4" });
        expect(decodeURIComponent(encodeKey(key))).toBe(key);
      }),
    );
  });
});

describe("a name made from a title", () => {
  it("keeps the title readable and includes the source's id", () => {
    expect(defaultFilename("Big Buck Bunny: part 1/2", "aqz-KE-bpKQ")).toBe(
      "Big Buck Bunny part 1 2 [aqz-KE-bpKQ]",
    );
    expect(defaultFilename("  ...  ", "")).toBe("media");
    expect(defaultFilename("日本語 \u202e タイトル", "x")).toBe("日本語 タイトル [x]");
  });

  it("is short enough, well-formed and free of what paths and shells refuse, whatever the title", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 400 }),
        fc.string({ maxLength: 100 }),
        (title, id) => {
          const name = defaultFilename(title, id);
          expect(name).not.toBe("");
          expect(byteLength(name)).toBeLessThanOrEqual(200);
          expect(name).not.toMatch(/[/\\:*?"<>|\p{Cc}]/u);
        },
      ),
    );
  });

  it("that the caller chose loses only control characters", () => {
    expect(cleanFilename(" a\u0007b: c? ")).toBe("ab: c?");
  });
});

describe("a key in the managed bucket", () => {
  it("made from a title fits with the longest prefix, the longest folder and any subtitles", () => {
    const folder = fc.string({ unit: "grapheme", maxLength: 200 }).map((text) => text.slice(0, 200));
    fc.assert(
      fc.property(folder, fc.string({ unit: "grapheme", minLength: 300 }), (chosen, title) => {
        const base_folder = `${"a".repeat(64)}/videos`;
        const filename = defaultFilename(title, "source-id");
        const key = objectKey({ base_folder, folder: chosen, filename, extension: "webm" });
        expect(byteLength(`${stemOf(key)}zh-Hant-HK-x-private.vtt`)).toBeLessThanOrEqual(MAX_KEY_BYTES);
      }),
    );
  });

  it("has the same stem as another only if folder and name are the same", () => {
    const name = fc.stringMatching(/^[a-z.]{1,4}$/).filter((text) => !text.includes(".."));
    fc.assert(
      fc.property(name, name, (one, other) => {
        const [a, b] = [one, other].map((filename) =>
          objectKey({ base_folder: "v", filename, extension: "mp4" }),
        );
        const c = objectKey({ base_folder: "v", filename: other, extension: "opus" });
        expect(stemOf(a ?? "") === stemOf(c)).toBe(one === other);
        expect(a === b).toBe(one === other);
      }),
    );
  });

  it("of a subtitle or a thumbnail is never that of a media file, and belongs to one stem", () => {
    const extensions: readonly string[] = FORMATS;
    expect(extensions).not.toContain("vtt");
    expect(extensions).not.toContain("jpg");
    const name = fc.stringMatching(/^[a-z.]{1,5}$/);
    const language = fc.constantFrom("en", "fr", "pt-BR");
    fc.assert(
      fc.property(name, language, name, language, (one, spoken, other, heard) => {
        const same = `${one}.${spoken}.vtt` === `${other}.${heard}.vtt`;
        expect(same).toBe(one === other && spoken === heard);
      }),
    );
  });
});
