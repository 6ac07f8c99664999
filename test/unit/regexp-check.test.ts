import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { regExpsIn } from "../../bin/check/regexp-sources.ts";
import { slowParts } from "../../bin/check/regexp-time.ts";

const slow = ({ source, flags }: RegExp): boolean => slowParts(source, flags).length > 0;

describe("the check of regular expressions", () => {
  it.each([
    /[:,]URI=(?:"([^"]*)"|([^,]*)),[:,]/,
    /<UploadId(?:\s[^>]*)?>([^<]*)<\/UploadId>/,
    /<(?:\w+:)?p\b([^>]*)>([\s\S]*?)<\/(?:\w+:)?p>/g,
    /<[^>]*>/g,
    /\/+$/,
    /(account|user)\b.*\b(banned|closed)/i,
    /(a+)+$/,
    /^(\S+)\s*(.*)$/,
    /^\s*\d+\s*\d+x/,
  ])("finds what takes more than linear time: %s", (pattern) => {
    expect(slow(pattern)).toBe(true);
  });

  it.each([
    /^bytes (\d+)-(\d+)\/(\d+|\*)$/,
    /&(?:#x([0-9a-f]{1,8})|#(\d{1,8})|([a-z]\w{1,30}));/gi,
    /\s+/g,
    /(account|user)\b.{0,200}\b(banned|closed)/i,
    /"access_token"\s*:\s*"([^"]+)"/,
    /<item[\s>]/,
  ])("accepts what does not: %s", (pattern) => {
    expect(slow(pattern)).toBe(false);
  });

  it("finds every one in a file, with the reasons written before them", () => {
    const folder = mkdtempSync(join(tmpdir(), "regexps-"));
    try {
      const file = join(folder, "a.ts");
      writeFileSync(
        file,
        [
          "const a: RegExp = /a/g;",
          "// regexp-ok: ours",
          "const b = new RegExp(name as string);",
          'const c = "/no/".split("/");',
        ].join("\n"),
      );
      expect(regExpsIn(file)).toEqual([
        { line: 1, literal: expect.objectContaining({ pattern: "a", flags: "g" }), reason: null },
        { line: 3, literal: null, reason: "ours" },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
