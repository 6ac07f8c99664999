import { describe, expect, it } from "vitest";
import {
  indexBytesFor,
  type MuxJob,
  muxArguments,
  muxToolInputs,
  type OpenedMuxInput,
} from "../../processor/stages/ffmpeg-args.ts";
import { ToolInput } from "../../processor/tools/tool-input.ts";
import { fitStreams, plan } from "../../schema/media.ts";

const video: OpenedMuxInput = {
  input: ToolInput.url("http://v/", "mov"),
  videoCodec: "h264",
  audioCodec: null,
};
const audio: OpenedMuxInput = {
  input: ToolInput.url("http://a/", "mov"),
  videoCodec: null,
  audioCodec: "aac",
};

function args(request: Parameters<typeof plan>[0], inputs: OpenedMuxInput[], indexBytes = 100_000): string {
  const mediaPlan = plan(request).plan;
  const actions = fitStreams(mediaPlan, {
    video: inputs.find((input) => input.videoCodec)?.videoCodec ?? null,
    audio: inputs.find((input) => input.audioCodec)?.audioCodec ?? null,
  });
  const { clip } = mediaPlan;
  const job: MuxJob = {
    ...{ inputs, plan: mediaPlan, actions, indexBytes, metadataPath: null, cover: null },
    clipSeconds: clip?.end ? clip.end - clip.start : null,
    firstPacketPath: clip ? "first" : null,
    output: "out",
  };
  return [...muxToolInputs(job).flatMap((input) => input.args), ...muxArguments(job)].join(" ");
}

describe("muxArguments", () => {
  it("copies streams that fit and reserves room for the index in front", () => {
    const line = args({}, [video, audio]);
    expect(line).toContain("-map 0:V:0 -map 1:a:0");
    expect(line).toContain("-c:v:0 copy -c:a copy -moov_size 100000 -f mp4 -y out");
  });

  it("moves the index to the front afterwards when its size is not known", () => {
    expect(args({}, [video], 0)).toContain("-movflags +faststart");
    expect(args({ format: "mkv" }, [video], 0)).toContain("-cues_to_front 1");
  });

  it("transcodes only the stream that does not fit", () => {
    const opus = { ...audio, audioCodec: "opus" };
    const line = args({ format: "webm" }, [video, opus]);
    expect(line).toContain("-c:v:0 libvpx-vp9");
    expect(line).toContain("-c:a copy");
  });

  it("strips transport stream headers from AAC, and only from AAC", () => {
    const ts = { ...video, audioCodec: "aac", transportStream: true };
    expect(args({}, [ts])).toContain("-bsf:a aac_adtstoasc");
    expect(args({}, [{ ...ts, audioCodec: "mp3" }])).not.toContain("aac_adtstoasc");
    expect(args({ format: "mkv" }, [ts])).not.toContain("aac_adtstoasc");
  });

  it("takes audio alone from a source that has both", () => {
    const both = { ...video, audioCodec: "aac" };
    expect(args({ format: "mp3" }, [both])).toContain("-map 0:a:0 -sn -dn");
    expect(args({ format: "mp3", audio_bitrate: "320k" }, [both])).toContain("-c:a libmp3lame -b:a 320k");
  });

  it("seeks before the input so that a clip reads only what it needs", () => {
    const line = args({ clip_start: 60, clip_end: 70.5 }, [{ ...video, skipSeconds: 60 }]);
    expect(line).toMatch(/-ss 60 .*-i http:\/\/v\/ -t 10\.5/);
  });

  it("records where a copy begins, in a second output of one packet", () => {
    const line = args({ clip_start: 60 }, [{ ...video, skipSeconds: 60 }, audio]);
    expect(line).toMatch(/-y out -map 0:V:0 -c copy -frames:v 1 -f framecrc -y first$/);
    expect(line).not.toContain("-copypriorss");
  });

  it("leaves out the audio before a clip when there is no key frame to start at", () => {
    const alone = { ...audio, skipSeconds: 60 };
    expect(args({ clip_start: 60, format: "m4a" }, [alone])).toContain("-c:a copy -copypriorss:a 0");
    const encoded = args({ clip_start: 60, video_codec: "h265" }, [{ ...video, skipSeconds: 60 }, alone]);
    expect(encoded).toContain("-c:a copy -copypriorss:a 0");
  });

  it("tags H.265 in mp4 as Apple's players need it", () => {
    expect(args({}, [{ ...video, videoCodec: "h265" }])).toContain("-c:v:0 copy -tag:v:0 hvc1");
  });
});

describe("indexBytesFor", () => {
  it("reserves by duration and frame rate where the index is in front", () => {
    expect(indexBytesFor("mp4", 100, 30)).toBe(64 * 1024 + 100 * (30 * 32 + 1000));
    expect(indexBytesFor("mp4", null, 30)).toBe(0);
    expect(indexBytesFor("mp3", 100, null)).toBe(0);
  });
});
