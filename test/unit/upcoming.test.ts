import { describe, expect, it } from "vitest";
import { nextLook } from "../../processor/run/upcoming.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const wait = { since: 0, until: DAY };

describe("a stream that has not begun", () => {
  it("is checked again at its announced time", () => {
    expect(nextLook(wait, 5 * 60 * MINUTE, MINUTE)).toBe(5 * 60 * MINUTE);
  });

  it("is left alone for a moment even when it should begin now", () => {
    expect(nextLook(wait, MINUTE + 1, MINUTE)).toBe(MINUTE + 15_000);
  });

  it("is checked in growing intervals when no time is announced, ten minutes at most", () => {
    const looks = [0];
    while ((looks.at(-1) ?? DAY) < DAY) looks.push(nextLook(wait, null, looks.at(-1) ?? 0) ?? DAY);
    const gaps = looks.slice(1, -1).map((look, i) => look - (looks[i] ?? 0));
    expect(gaps).toEqual(gaps.toSorted((a, b) => a - b));
    expect([gaps[0], gaps.at(-1), looks.at(-1)]).toEqual([15_000, 10 * MINUTE, DAY]);
    expect(looks.length).toBeLessThan(170);
  });

  it("is checked often again when it is late", () => {
    expect(nextLook(wait, 5 * 60 * MINUTE, 5 * 60 * MINUTE + 1000)).toBe(5 * 60 * MINUTE + 16_000);
  });

  it("is checked a last time when the wait ends, and not after", () => {
    expect(nextLook(wait, 3 * DAY, MINUTE)).toBe(DAY);
    expect(nextLook(wait, 3 * DAY, DAY)).toBeNull();
  });

  it("is not waited for unless requested", () => {
    expect(nextLook(null, MINUTE, 0)).toBeNull();
  });
});
