import { describe, expect, it } from "vitest";
import { selectFormats } from "../../processor/stages/select.ts";
import { plan } from "../../schema/media.ts";

const select = (request: Parameters<typeof plan>[0]) => selectFormats(plan(request).plan);

describe("selectFormats", () => {
  it("prefers streams that fit the container when nothing is to be transcoded", () => {
    const [first] = select({ format: "webm" }).format.split("/");
    expect(first).toBe("bv*[vcodec~=?'^(vp0?8|vp0?9|av0?1)']+ba[acodec~=?'^(opus|vorbis)']");
  });

  it("takes any stream when the caller asks for another codec anyway", () => {
    expect(select({ video_codec: "h264", audio_codec: "aac" }).format).toMatch(/^bv\*\+ba\//);
  });

  it("always ends with choices that any source can meet", () => {
    for (const format of ["mp4", "webm", "m4a", "mp3"]) {
      expect(select({ format }).format).toMatch(/\/(ba|b\*)$/);
    }
  });

  it("limits the shorter side, not the height", () => {
    expect(select({ max_resolution: 720 }).sort[0]).toBe("res:720");
    expect(select({}).sort[0]).toBe("res");
    const [landscape, portrait] = select({ max_resolution: 720, format: "mkv" })
      .format.split("/")
      .filter((choice) => choice.endsWith("+ba"));
    expect(landscape).toBe("bv*[aspect_ratio>=1][height<=720]+ba");
    expect(portrait).toBe("bv*[aspect_ratio<1][width<=720]+ba");
  });

  it("looks for the codec that was asked for, so that it need not be made", () => {
    expect(select({ video_codec: "h265", audio_codec: "opus" }).sort).toEqual([
      ...["res", "fps", "vcodec:h265", "acodec:opus"],
    ]);
  });

  it("puts the container's own audio codec first for audio formats", () => {
    expect(select({ format: "m4a" })).toMatchObject({
      format: "ba[acodec~=?'^(mp4a|aac)']/ba/b[acodec~=?'^(mp4a|aac)']/b*",
      sort: ["acodec:aac", "abr", "asr"],
    });
  });
});
