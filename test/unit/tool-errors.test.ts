import { expect, test } from "vitest";
import { classifyExtraction, classifyFfmpeg } from "../../processor/tools/tool-errors.ts";
import { EXTRACTION_SAMPLES, FFMPEG_SAMPLES } from "../fixtures/tool-messages.ts";

const EXITED = { code: 1, signal: null };

test.each(EXTRACTION_SAMPLES)("classifies “$message” as $code", ({ code, ...sample }) => {
  expect(classifyExtraction({ type: "ExtractorError", expected: true, ...sample })).toBe(code);
});

test.each(FFMPEG_SAMPLES)("classifies ffmpeg's “$stderr” as $code", ({ code, stderr }) => {
  expect(classifyFfmpeg(stderr, EXITED)).toBe(code);
});

test("recognises many messages, and treats none of them as an internal error", () => {
  const codes = [...EXTRACTION_SAMPLES, ...FFMPEG_SAMPLES].map(({ code }) => code);
  expect(codes.length).toBeGreaterThan(40);
  expect(codes).not.toContain("internal");
});

test("classifies a site's own message as unavailable", () => {
  const failure = { type: "ExtractorError", expected: true, message: "Example said: ERR_7" };
  expect(classifyExtraction(failure)).toBe("unavailable");
});

test("classifies an extractor that no longer understands its site as an unsupported URL", () => {
  const failure = { type: "ExtractorError", expected: false, message: "Something odd" };
  expect(classifyExtraction(failure)).toBe("unsupported_url");
});

test("classifies only a defect of the program as internal", () => {
  const failure = { type: "KeyError", expected: false, message: "'streamingData'" };
  expect(classifyExtraction(failure)).toBe("internal");
});

test("classifies a silent ffmpeg that the system killed as internal", () => {
  expect(classifyFfmpeg("", { code: null, signal: "SIGKILL" })).toBe("internal");
});
