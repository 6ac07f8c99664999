import { describe, expect, it } from "vitest";
import { parseMediaPlaylist } from "../../processor/hls/model.ts";
import { cutPieces, cutPlaylist, type TimeWindow } from "../../processor/hls/window.ts";

const BASE = "https://a.example/";
const segments = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => [`#EXTINF:2.0,`, `s${index}.ts`]).flat();

const cut = (window: TimeWindow, ...lines: string[]) =>
  cutPlaylist(parseMediaPlaylist(["#EXTM3U", "#EXT-X-VERSION:7", ...lines].join("\n"), BASE), window);

describe("cutPieces", () => {
  const pieces = Array.from({ length: 5 }, () => ({ seconds: 2 }));

  it.each([
    [{ start: 3, end: 5 }, 1, 2, 2],
    [{ start: 0, end: 2 }, 0, 1, 0],
    [{ start: 4 }, 2, 3, 4],
    [{ start: 3.9995, end: 4.5 }, 2, 1, 4],
    [{ start: 60, end: 70 }, 4, 1, 8],
  ])("keeps what overlaps %j, at least one", (window, first, count, startSeconds) => {
    const found = cutPieces(pieces, window);
    expect(found).toMatchObject({ first, startSeconds, totalSeconds: 10 });
    expect(found.kept).toHaveLength(count);
  });
});

describe("cutPlaylist", () => {
  it("keeps the segments of the window with their numbers", () => {
    const found = cut(
      { start: 4.5, end: 7 },
      ...["#EXT-X-MEDIA-SEQUENCE:7", ...segments(5), "#EXT-X-ENDLIST"],
    );
    expect(found).toMatchObject({ startSeconds: 4, totalSeconds: 10 });
    expect(found?.playlist.segments.map(({ sequence, url }) => `${sequence} ${url}`)).toEqual([
      "9 https://a.example/s2.ts",
      "10 https://a.example/s3.ts",
    ]);
  });

  it("keeps the keys and the map that were named before the window", () => {
    const found = cut(
      { start: 4, end: 6 },
      ...['#EXT-X-KEY:METHOD=AES-128,URI="a.key"', '#EXT-X-MAP:URI="init.mp4"', "#EXTINF:2,", "a.m4s"],
      ...['#EXT-X-KEY:METHOD=AES-128,URI="b.key"', "#EXTINF:2,", "b.m4s", "#EXTINF:2,", "c.m4s"],
      "#EXT-X-ENDLIST",
    );
    expect(found?.playlist.segments).toMatchObject([
      { url: `${BASE}c.m4s`, map: { url: `${BASE}init.mp4` }, key: { url: `${BASE}b.key` } },
    ]);
  });

  it("adds the offsets to byte ranges that the cut would take away", () => {
    const ranges = ["100@50", "30", "20"].flatMap((range) => [
      `#EXT-X-BYTERANGE:${range}`,
      "#EXTINF:2,",
      "a.ts",
    ]);
    const found = cut({ start: 4, end: 6 }, ...ranges, "#EXT-X-ENDLIST");
    expect(found?.playlist.segments).toMatchObject([{ span: { start: 180, end: 200 } }]);
  });

  it("leaves playlists that grow and empty ones unchanged", () => {
    expect(cut({ start: 1 }, ...segments(3))).toBeNull();
    expect(cut({ start: 1 }, "#EXT-X-ENDLIST")).toBeNull();
  });

  it("refuses what it cannot parse", () => {
    expect(() => cut({ start: 1 }, "#EXTINF:soon,", "a.ts", "#EXT-X-ENDLIST")).toThrow(
      expect.objectContaining({ code: "network" }),
    );
  });
});
