import { describe, expect, it } from "vitest";
import { qualityName } from "../../processor/stages/quality.ts";
import { chosenStreams, describeSource } from "../../processor/stages/source.ts";
import { codecName } from "../../processor/tools/codec-names.ts";

it("adds up the fragments where a manifest reports no duration of the whole", () => {
  const durationOf = (...durations: (number | null)[]) => {
    const fragments = durations.map((duration, index) => ({
      url: `https://cdn.example/${index}`,
      ...(duration === null ? {} : { duration }),
    }));
    const [stream] = chosenStreams([
      { format_id: "d", url: "https://cdn.example/m.mpd", protocol: "http_dash_segments", fragments },
    ]);
    return stream && describeSource({ id: "m" }, [stream], UNNAMED).duration;
  };
  expect(durationOf(null, 2, 2, 1.5)).toBe(5.5);
  expect(durationOf(2, 2)).toBe(4);
  expect(durationOf(2, null, null)).toBeNull();
  expect(durationOf()).toBeNull();
});

/** Audio without a declared language. */
const UNNAMED = { language: null, languages: [], adjustments: [] };

describe("chosenStreams", () => {
  it("reads a split pair with its headers and cookies", () => {
    const [video, audio] = chosenStreams([
      {
        ...{ format_id: "137", url: "https://cdn.example/v", protocol: "https", ext: "mp4" },
        ...{ vcodec: "avc1.64001F", acodec: "none", width: 1920, height: 1080, filesize: 1000 },
        http_headers: { "User-Agent": "UA", "Accept-Encoding": "gzip" },
        cookie_header: "a=1",
      },
      {
        ...{ format_id: "251", url: "https://cdn.example/a", protocol: "https", ext: "webm" },
        ...{ vcodec: "none", acodec: "opus" },
      },
    ]);
    expect(video).toMatchObject({
      protocol: "http",
      videoCodec: "h264",
      audioCodec: null,
      codecsKnown: true,
      size: 1000,
      headers: { "user-agent": "UA", cookie: "a=1" },
    });
    expect(video?.headers).not.toHaveProperty("accept-encoding");
    expect(audio).toMatchObject({ videoCodec: null, audioCodec: "opus", formatId: "251" });
  });

  it("recognises fragments and resolves their paths", () => {
    const [stream] = chosenStreams([
      {
        format_id: "d",
        url: "https://cdn.example/manifest.mpd",
        protocol: "http_dash_segments",
        fragment_base_url: "https://cdn.example/dash/",
        fragments: [{ path: "init.mp4" }, { url: "https://other.example/1.m4s" }],
      },
    ]);
    expect(stream?.protocol).toBe("dash");
    expect(stream?.fragments.map(({ url }) => url)).toEqual([
      "https://cdn.example/dash/init.mp4",
      "https://other.example/1.m4s",
    ]);
  });

  it("leaves what it cannot read to the extractor's own downloader", () => {
    for (const protocol of ["rtmp", "websocket_frag", "ism", "mhtml"]) {
      expect(chosenStreams([{ format_id: "x", url: "https://cdn.example/x", protocol }])[0]?.protocol).toBe(
        "other",
      );
    }
  });

  it("finds nothing where there is nothing", () => {
    expect(chosenStreams([{ format_id: "no address" }])).toEqual([]);
  });
});

describe("describeSource", () => {
  it("treats fields of unexpected types as missing", () => {
    const [stream] = chosenStreams([{ format_id: "x", url: "https://cdn.example/x.mp4" }]);
    if (!stream) throw new Error("no stream");
    const declared =
      '{"id": 7, "title": null, "duration": "long", "upload_date": "20260102", "uploader": "Ada"}';
    const source = describeSource(JSON.parse(declared), [stream], UNNAMED);
    expect(source).toMatchObject({
      id: "",
      title: "media",
      duration: null,
      releaseDate: "2026-01-02",
      uploader: "Ada",
      live: false,
    });
  });
});

describe("codecName", () => {
  it.each([
    ["avc1.4d401f", "h264"],
    ["hvc1.1.6.L93", "h265"],
    ["hevc", "h265"],
    ["vp09.00.10.08", "vp9"],
    ["av01.0.04M.08", "av1"],
    ["mp4a.40.2", "aac"],
    ["mp4a.6b", "mp3"],
    ["opus", "opus"],
    ["none", null],
    ["", null],
    ["prores", "prores"],
  ])("%s is %s", (raw, name) => {
    expect(codecName(raw)).toBe(name);
  });
});

describe("qualityName", () => {
  it("names the shorter side, also of portrait video", () => {
    expect(qualityName(1920, 1080)).toBe("1080p");
    expect(qualityName(1080, 1920)).toBe("1080p");
    expect(qualityName(null, 720)).toBeNull();
  });
});
