import { describe, expect, it } from "vitest";
import type { JobRequest } from "../../schema/api/job-request.ts";
import { refuseNotYet, tellNotYet } from "../../worker/services/not-yet.ts";

const url = "https://media.example.com/a.mp4";
const request = (members: Partial<JobRequest>): JobRequest => ({ url, ...members });

describe("what this version does not do", () => {
  it("is refused where the result would be another one", () => {
    expect(() => refuseNotYet(request({ batch: true }))).toThrow("batch is not supported by this version");
    expect(() => refuseNotYet(request({ batch: false }))).not.toThrow();
  });

  it.each([["paused", true]] as const)(
    "is told for %s where the file is delivered all the same",
    (field, from) => {
      expect(tellNotYet(request({ [field]: from }))).toEqual([
        { field, from, to: null, reason: expect.any(String) },
      ]);
    },
  );

  it("is not mentioned when it is not asked for", () => {
    expect(tellNotYet(request({ paused: false, live_recording: true, folder: "talks" }))).toEqual([]);
  });
});
