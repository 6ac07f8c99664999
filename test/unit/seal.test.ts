import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSealingKeys } from "../../worker/lib/sealing-keys.ts";
import {
  Sealer,
  type SealingKey,
  type SealPurpose,
  UnsealError,
} from "../../worker/services/storage/seal.ts";

const random = (length: number) => new Uint8Array(randomBytes(length));
const key = (id: string): SealingKey => ({ id, bytes: random(32) });
const [older, newer] = [key("2026a"), key("2026b")];
const sealer = new Sealer([newer, older], random);
const JOB = { owner: "job", purpose: "job.storage" } as const;
const PURPOSES = [
  "account.slack_url",
  "account.storage",
  "account.webhook_secret",
  "batch.show_url",
  "job.links",
  "job.storage",
  "job.urls",
  "webhook.url",
] as const satisfies readonly SealPurpose[];

/** Seals as a former version did: bound only to the owner. */
async function sealedBefore(text: string, owner: string, { id, bytes }: SealingKey): Promise<string> {
  const iv = random(12);
  const aes = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt"]);
  const additionalData = new TextEncoder().encode(owner);
  const algorithm = { name: "AES-GCM", iv: new Uint8Array(iv), additionalData };
  const box = await crypto.subtle.encrypt(algorithm, aes, new TextEncoder().encode(text));
  return ["v1", id, Buffer.from(iv).toString("base64url"), Buffer.from(box).toString("base64url")].join(".");
}

describe("a sealed value", () => {
  it("opens to the text that was sealed, whatever it is", () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.uuid(), async (text, owner) => {
        const { sealed, key_id } = await sealer.seal(text, { owner, purpose: "job.urls" });
        expect(key_id).toBe("2026b");
        expect(await sealer.open(sealed, { owner, purpose: "job.urls" })).toBe(text);
      }),
      { numRuns: 50 },
    ));

  it("never looks the same twice and shows nothing of the text", async () => {
    const [first, second] = [await sealer.seal("secret", JOB), await sealer.seal("secret", JOB)];
    expect(first.sealed).not.toBe(second.sealed);
    expect(first.sealed).toMatch(/^v2\.2026b\.[\w-]{16}\.[\w-]+$/);
    expect(first.sealed).not.toContain("secret");
  });

  it("opens for no other owner and no other purpose, whatever both are", () => {
    const owner = fc.oneof(fc.uuid(), fc.string(), fc.constantFrom('"', '","', "a", "b"));
    const context = fc.record({ owner, purpose: fc.constantFrom(...PURPOSES) });
    return fc.assert(
      fc.asyncProperty(fc.string(), context, context, async (text, mine, other) => {
        fc.pre(mine.owner !== other.owner || mine.purpose !== other.purpose);
        const { sealed } = await sealer.seal(text, mine);
        await expect(sealer.open(sealed, other)).rejects.toBeInstanceOf(UnsealError);
        expect(await sealer.open(sealed, mine)).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  it("of a former version opens for its owner alone, and does not count as the newest form", async () => {
    const sealed = await sealedBefore("secret", "job", newer);
    expect(await sealer.open(sealed, JOB)).toBe("secret");
    await expect(sealer.open(sealed, { ...JOB, owner: "other" })).rejects.toBeInstanceOf(UnsealError);
    await expect(sealer.open(sealed.replace("v1.", "v2."), JOB)).rejects.toBeInstanceOf(UnsealError);
    expect(sealed.startsWith(sealer.newestPrefix)).toBe(false);
  });

  it("does not open once a character of it was changed, added or lost", async () => {
    const { sealed } = await sealer.seal("secret", JOB);
    const cut = sealed.length - 4;
    const flipped = sealed[cut] === "A" ? "B" : "A";
    const damaged = [
      sealed.slice(0, cut) + flipped + sealed.slice(cut + 1),
      sealed.slice(0, -8),
      `${sealed}AAAA`,
      sealed.replace("v2.", "v1."),
      sealed.replace("v2.", "v3."),
      sealed.replace("2026b", "2026a"),
      "",
      "v2",
    ];
    for (const value of damaged) await expect(sealer.open(value, JOB)).rejects.toBeInstanceOf(UnsealError);
  });

  it("opens after a newer key was put first, and no longer once its key is gone", async () => {
    const { sealed } = await new Sealer([older], random).seal("secret", JOB);
    expect(await sealer.open(sealed, JOB)).toBe("secret");
    await expect(new Sealer([newer], random).open(sealed, JOB)).rejects.toThrow("2026a is not configured");
  });
});

describe("a tag", () => {
  it("is the same only for the same text, shows nothing of it, and is recognised after a newer key came", async () => {
    const before = await new Sealer([older], random).tag("hunter2");
    expect(before).toMatch(/^2026a\.[0-9a-f]{64}$/);
    expect(await sealer.isTagOf(before, "hunter2")).toBe(true);
    expect(await sealer.isTagOf(before, "hunter3")).toBe(false);
    expect(await sealer.tag("hunter2")).not.toBe(before);
    expect(await new Sealer([newer], random).isTagOf(before, "hunter2")).toBe(false);
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
