import { describe, expect, it } from "vitest";
import { cutPieces, cutPlaylist } from "../../processor/hls/window.ts";

const playlist = (...lines: string[]): string => ["#EXTM3U", "#EXT-X-VERSION:7", ...lines].join("\n");
const segments = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => [`#EXTINF:2.0,`, `s${index}.ts`]).flat();

describe("cutPieces", () => {
  const pieces = Array.from({ length: 5 }, () => ({ seconds: 2 }));

  it.each([
    [{ start: 3, end: 5 }, 1, 2, 2],
    [{ start: 0, end: 2 }, 0, 1, 0],
    [{ start: 4 }, 2, 3, 4],
    [{ start: 3.9995, end: 4.5 }, 2, 1, 4],
    [{ start: 60, end: 70 }, 4, 1, 8],
  ])("takes what overlaps %j, at least one", (window, first, count, startSeconds) => {
    const cut = cutPieces(pieces, window);
    expect(cut).toMatchObject({ first, startSeconds, totalSeconds: 10 });
    expect(cut.kept).toHaveLength(count);
  });
});

describe("cutPlaylist", () => {
  it("keeps the segments of the window and counts on from them", () => {
    const cut = cutPlaylist(playlist("#EXT-X-MEDIA-SEQUENCE:7", ...segments(5), "#EXT-X-ENDLIST"), {
      start: 4.5,
      end: 7,
    });
    expect(cut).toMatchObject({ startSeconds: 4, totalSeconds: 10 });
    expect(cut?.text.match(/s\d\.ts/g)).toEqual(["s2.ts", "s3.ts"]);
    expect(cut?.text).toContain("#EXT-X-MEDIA-SEQUENCE:9");
    expect(cut?.text).not.toContain("SEQUENCE:7");
  });

  it("keeps the keys and the map that were named before the window", () => {
    const cut = cutPlaylist(
      playlist(
        ...['#EXT-X-KEY:METHOD=AES-128,URI="a.key"', '#EXT-X-MAP:URI="init.mp4"', "#EXTINF:2,", "a.m4s"],
        ...['#EXT-X-KEY:METHOD=AES-128,URI="b.key"', "#EXTINF:2,", "b.m4s", "#EXTINF:2,", "c.m4s"],
        "#EXT-X-ENDLIST",
      ),
      { start: 4, end: 6 },
    );
    expect(cut?.text).toContain(
      '#EXT-X-KEY:METHOD=AES-128,URI="b.key"\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2,\nc.m4s',
    );
    expect(cut?.text).not.toContain("a.key");
  });

  it("gives byte ranges their offsets, which the cut would take away", () => {
    const ranges = ["100@50", "30", "20"].flatMap((range) => [
      `#EXT-X-BYTERANGE:${range}`,
      "#EXTINF:2,",
      "a.ts",
    ]);
    const cut = cutPlaylist(playlist(...ranges, "#EXT-X-ENDLIST"), { start: 4, end: 6 });
    expect(cut?.text).toContain("#EXT-X-BYTERANGE:20@180");
  });

  it("leaves lists of playlists, playlists that grow, and empty ones alone", () => {
    expect(cutPlaylist(playlist("#EXT-X-STREAM-INF:BANDWIDTH=1", "a.m3u8"), { start: 1 })).toBeNull();
    expect(cutPlaylist(playlist(...segments(3)), { start: 1 })).toBeNull();
    expect(cutPlaylist(playlist("#EXT-X-ENDLIST"), { start: 1 })).toBeNull();
  });

  it("refuses what it cannot read", () => {
    const text = playlist("#EXTINF:soon,", "a.ts", "#EXT-X-ENDLIST");
    expect(() => cutPlaylist(text, { start: 1 })).toThrow(expect.objectContaining({ code: "network" }));
  });
});
