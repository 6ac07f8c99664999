import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSealingKeys } from "../../worker/lib/sealing-keys.ts";
import { SealBroken, Sealer, type SealingKey } from "../../worker/services/seal.ts";

const random = (length: number) => new Uint8Array(randomBytes(length));
const key = (id: string): SealingKey => ({ id, bytes: random(32) });
const [older, newer] = [key("2026a"), key("2026b")];
const sealer = new Sealer([newer, older], random);

describe("a sealed value", () => {
  it("opens to the text that was sealed, whatever it is", () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.uuid(), async (text, owner) => {
        const { sealed, key_id } = await sealer.seal(text, owner);
        expect(key_id).toBe("2026b");
        expect(await sealer.open(sealed, owner)).toBe(text);
      }),
      { numRuns: 50 },
    ));

  it("never looks the same twice and shows nothing of the text", async () => {
    const [first, second] = [await sealer.seal("secret", "job"), await sealer.seal("secret", "job")];
    expect(first.sealed).not.toBe(second.sealed);
    expect(first.sealed).toMatch(/^v1\.2026b\.[\w-]{16}\.[\w-]+$/);
    expect(first.sealed).not.toContain("secret");
  });

  it("does not open for another owner", async () => {
    const { sealed } = await sealer.seal("secret", "job-1");
    await expect(sealer.open(sealed, "job-2")).rejects.toBeInstanceOf(SealBroken);
  });

  it("does not open once a character of it was changed, added or lost", async () => {
    const { sealed } = await sealer.seal("secret", "job");
    const cut = sealed.length - 4;
    const flipped = sealed[cut] === "A" ? "B" : "A";
    const damaged = [
      sealed.slice(0, cut) + flipped + sealed.slice(cut + 1),
      sealed.slice(0, -8),
      `${sealed}AAAA`,
      sealed.replace("v1.", "v2."),
      sealed.replace("2026b", "2026a"),
      "",
      "v1",
    ];
    for (const value of damaged) await expect(sealer.open(value, "job")).rejects.toBeInstanceOf(SealBroken);
  });

  it("opens after a newer key was put in front, and no longer once its key is gone", async () => {
    const { sealed } = await new Sealer([older], random).seal("secret", "job");
    expect(await sealer.open(sealed, "job")).toBe("secret");
    await expect(new Sealer([newer], random).open(sealed, "job")).rejects.toThrow("2026a is not configured");
  });
});

describe("SEALING_KEYS", () => {
  const encoded = Buffer.from(older.bytes).toString("base64");

  it("lists keys, the newest first", () => {
    const keys = parseSealingKeys(`b:${Buffer.from(newer.bytes).toString("base64")}, a:${encoded}`);
    expect(keys).toEqual([
      { id: "b", bytes: newer.bytes },
      { id: "a", bytes: older.bytes },
    ]);
  });

  it.each([
    "",
    "a",
    "a:",
    `:${encoded}`,
    `a:${encoded},`,
    `a:${encoded},a:${encoded}`,
    `a:${encoded.slice(4)}`,
    "a:not base64 at all",
    `a b:${encoded}`,
  ])("is refused as %j", (text) => {
    expect(parseSealingKeys(text)).toBeNull();
  });
});
