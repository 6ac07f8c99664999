import { expect, test } from "vitest";
import { classifyExtraction, classifyFfmpeg } from "../../processor/tools/tool-errors.ts";
import { EXTRACTION_SAMPLES, FFMPEG_SAMPLES } from "../fixtures/tool-messages.ts";

const EXITED = { code: 1, signal: null };

test.each(EXTRACTION_SAMPLES)("takes “$message” for $code", ({ code, ...sample }) => {
  expect(classifyExtraction({ type: "ExtractorError", expected: true, ...sample })).toBe(code);
});

test.each(FFMPEG_SAMPLES)("takes ffmpeg's “$stderr” for $code", ({ code, stderr }) => {
  expect(classifyFfmpeg(stderr, EXITED)).toBe(code);
});

test("knows many messages, and takes none of them for a defect of its own", () => {
  const codes = [...EXTRACTION_SAMPLES, ...FFMPEG_SAMPLES].map(({ code }) => code);
  expect(codes.length).toBeGreaterThan(40);
  expect(codes).not.toContain("internal");
});

test("takes what a site says in words of its own for unavailable", () => {
  const failure = { type: "ExtractorError", expected: true, message: "Example said: ERR_7" };
  expect(classifyExtraction(failure)).toBe("unavailable");
});

test("takes an extractor that no longer understands its site for an unsupported URL", () => {
  const failure = { type: "ExtractorError", expected: false, message: "Something odd" };
  expect(classifyExtraction(failure)).toBe("unsupported_url");
});

test("takes only a defect of the program for internal", () => {
  const failure = { type: "KeyError", expected: false, message: "'streamingData'" };
  expect(classifyExtraction(failure)).toBe("internal");
});

test("takes a silent ffmpeg that the system killed for internal", () => {
  expect(classifyFfmpeg("", { code: null, signal: "SIGKILL" })).toBe("internal");
});
