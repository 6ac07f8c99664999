import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { ErrorBody } from "../../schema/api/error.ts";
import { jobOptions } from "../../schema/api/job-request.ts";
import { Harness } from "./support/harness.ts";

/** Random and hostile bodies. The number of runs is the documented one. */
const RUNS = 10_000;

const worker = new Harness();
let key: string;

beforeAll(async () => {
  ({ key } = await worker.account());
});

// a list would be requested from its source, which does not exist here
const options = Object.keys(jobOptions).filter((name) => name !== "batch");
const members = [...options, "url", "x", "__proto__", "constructor"];

/** Near misses: the right kind of value with the wrong content, which pure noise seldom hits. */
const nearMiss = fc.oneof(
  fc.constantFrom(
    null,
    true,
    false,
    0,
    -1,
    Number.MAX_VALUE,
    0.5,
    2 ** 53,
    "",
    " ",
    "copy",
    "best",
    "1080p",
    "mp4",
    "auto",
  ),
  fc.constantFrom(
    "00:00:01",
    "99:99",
    "1e3",
    "-1",
    "../x",
    "a/b",
    "\u0000",
    "\u202egnp",
    "é".repeat(300),
    "http://[::1]/",
  ),
  fc.record({
    provider: fc.constantFrom("s3", "blob", "azure", "gcs", "oss", "x", 1),
    endpoint: fc.webUrl(),
  }),
  fc.array(fc.string({ unit: "binary" }), { maxLength: 30 }),
);
const member = fc.oneof(nearMiss, fc.jsonValue(), fc.string({ unit: "binary" }), fc.webUrl());
const request = fc
  .tuple(fc.webUrl(), fc.dictionary(fc.constantFrom(...members), member, { maxKeys: 8 }))
  .map(([url, rest]) => ({ url, ...rest }));
const text = fc.oneof(
  { weight: 6, arbitrary: request.map((body) => JSON.stringify(body)) },
  { weight: 2, arbitrary: fc.jsonValue().map((body) => JSON.stringify(body)) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
);

describe("POST /jobs with random bodies", () => {
  it("never fails, and every refusal names its field", { timeout: 180_000 }, async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(text, async (body) => {
        const response = await worker.call("POST", "/jobs", { key, body });
        const result = await response.json<ErrorBody>();
        if (response.status === 201) {
          accepted++;
          return;
        }
        expect(response.status).toBe(400);
        expect(result.issues?.length).toBeGreaterThan(0);
        for (const { path, message } of result.issues ?? []) {
          expect(path).not.toBe("");
          expect(message).toMatch(/^\S.{4,}/);
        }
        expect(result.error.startsWith(result.issues?.[0]?.path ?? "?") || result.error.length > 10).toBe(
          true,
        );
      }),
      { numRuns: RUNS },
    );
    // a test that only met refusals would prove little
    expect(accepted).toBeGreaterThan(RUNS / 20);
  });
});
