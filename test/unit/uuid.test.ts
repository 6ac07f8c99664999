import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createUuidV7 } from "../../worker/lib/uuid.ts";

const random = (length: number): Uint8Array => randomBytes(length);

describe("an id", () => {
  it("is a UUID of version 7 that begins with the time", () => {
    const make = createUuidV7({ clock: () => 0x01932c7e8f5a, random });
    expect(make()).toMatch(/^01932c7e-8f5a-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("follows the one before, within a millisecond too, and past the end of the counter", () => {
    const make = createUuidV7({ clock: () => 1_000, random });
    const ids = Array.from({ length: 10_000 }, make);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("follows the one before when the clock goes back", () => {
    let now = 5_000;
    const make = createUuidV7({ clock: () => now--, random });
    const ids = Array.from({ length: 100 }, make);
    expect(ids.toSorted()).toEqual(ids);
  });
});
