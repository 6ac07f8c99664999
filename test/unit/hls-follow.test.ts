import { describe, expect, it } from "vitest";
import { Follower } from "../../processor/hls/follow.ts";
import { parseMediaPlaylist } from "../../processor/hls/model.ts";

const look = (first: number, names: readonly string[], end = "") =>
  parseMediaPlaylist(
    [
      ...["#EXTM3U", "#EXT-X-TARGETDURATION:2", `#EXT-X-MEDIA-SEQUENCE:${first}`],
      ...names.flatMap((name) =>
        name.startsWith("#") ? [name] : ["#EXTINF:2,", `${name}.ts?token=${Math.random()}`],
      ),
      end,
    ].join("\n"),
    "https://a.example/live/",
  );

const namesOf = (follower: Follower, ...args: Parameters<typeof look>) =>
  follower.next(look(...args)).segments.map(({ beginsAnew, url }) => {
    const name = /(\w+)\.ts/.exec(url)?.[1] ?? "";
    return beginsAnew ? `|${name}` : name;
  });

const letters = (from: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => String.fromCharCode(from.charCodeAt(0) + index));

describe("following a live playlist", () => {
  it("begins with the newest segment, or with the oldest", () => {
    expect(namesOf(new Follower(null, false), 5, letters("a", 3))).toEqual(["c"]);
    expect(namesOf(new Follower(null, true), 5, letters("a", 3))).toEqual(["a", "b", "c"]);
    expect(namesOf(new Follower(5, true), 5, letters("a", 3))).toEqual(["b", "c"]);
  });

  it("returns each segment once, and counts what was missed", () => {
    const follower = new Follower(null, true);
    namesOf(follower, 5, letters("a", 3));
    expect(namesOf(follower, 6, letters("b", 3))).toEqual(["d"]);
    expect(follower.next(look(11, letters("g", 2)))).toMatchObject({ missedSeconds: 4 });
  });

  it("is not misled by an older version of the playlist", () => {
    const follower = new Follower(null, false);
    namesOf(follower, 105, letters("f", 3));
    for (let times = 0; times < 5; times++) expect(namesOf(follower, 104, letters("e", 3))).toEqual([]);
    expect(namesOf(follower, 106, letters("g", 3))).toEqual(["i"]);
  });

  it("detects where a part begins, even between two polls", () => {
    const follower = new Follower(null, true);
    expect(namesOf(follower, 0, ["a", "#EXT-X-DISCONTINUITY", "b"])).toEqual(["a", "|b"]);
    expect(namesOf(follower, 1, ["b", "#EXT-X-DISCONTINUITY", "c", "d"])).toEqual(["|c", "d"]);
  });

  it.each([
    ["far back", 1000, 0],
    ["in the middle of what is known", 100, 101],
  ])("detects an encoder that restarts with numbers %s", (_case, before, after) => {
    const follower = new Follower(null, true);
    namesOf(follower, before, letters("a", 3));
    expect(namesOf(follower, after, ["x", "y"])).toEqual(["|x", "y"]);
    expect(namesOf(follower, after, ["x", "y", "z"])).toEqual(["z"]);
  });

  it("detects, after some polls, an encoder that restarts with numbers slightly higher than the known ones", () => {
    const follower = new Follower(null, true);
    namesOf(follower, 8, letters("a", 3));
    const looks = [0, 1, 2].map((at) => namesOf(follower, 0, letters("x", at + 1)));
    expect(looks).toEqual([[], [], ["|x", "y", "z"]]);
  });

  it("includes what an encoder that restarts leaves at its end", () => {
    const follower = new Follower(null, true);
    namesOf(follower, 8, letters("a", 3));
    expect(namesOf(follower, 0, ["x", "y"], "#EXT-X-ENDLIST")).toEqual(["|x", "y"]);
  });
});
