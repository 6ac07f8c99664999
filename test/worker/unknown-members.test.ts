import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { ErrorBody } from "../../schema/api/error.ts";
import type { Adjustment } from "../../schema/media.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

const worker = new Harness();
let key: string;
let id: string;

beforeAll(async () => {
  ({ key, id } = await worker.account());
});

const admin = (method: string, path: string, body?: unknown) =>
  worker.call(method, path, { body, headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` } });
const url = "https://media.example.com/a.mp4";
const adjustmentsOf = async (path: string, body: object) => {
  const response = await worker.call("POST", path, { key, body });
  expect(response.status).toBeLessThan(300);
  return (await response.json<{ adjustments?: Adjustment[] }>()).adjustments ?? [];
};

describe("an unknown member", () => {
  it("of an operator's body is refused by name, and nothing is changed", async () => {
    const body = { max_concurrent_jobs: 1, disabled: true };
    const response = await admin("PATCH", `/admin/accounts/${id}`, body);
    expect(response.status).toBe(400);
    expect(await response.json<ErrorBody>()).toMatchObject({
      code: "invalid_request",
      error: "max_concurrent_jobs is not a known field; did you mean limits.max_concurrent_jobs?",
      issues: [
        {
          path: "max_concurrent_jobs",
          message: "is not a known field; did you mean limits.max_concurrent_jobs?",
        },
      ],
    });
    const account = await admin("GET", `/admin/accounts/${id}`);
    expect(await account.json()).toMatchObject({ disabled: false });
  });

  it("is named with every other one, and with every other mistake", async () => {
    const response = await admin("POST", "/admin/accounts", {
      nam: "a",
      limits: { max_concurrent_job: 1, max_duration: 2 },
      frobnicate: 1,
    });
    const { error, issues } = await response.json<ErrorBody>();
    expect(issues?.map(({ path }) => path)).toEqual([
      "nam",
      "limits.max_concurrent_job",
      "limits.max_duration",
      "frobnicate",
      "name",
    ]);
    for (const name of ["nam", "limits.max_concurrent_job", "limits.max_duration", "frobnicate"]) {
      expect(error).toContain(`${name} is not a known field`);
    }
  });

  it.each([
    ["/user/slack", { webhook_url: "https://hooks.example.com/x", level: "all" }],
    ["/user/s3", { endpoint: "https://s3.example", bucket: "b", secret: "x" }],
    ["/metadata", { url, format: "mp4" }],
    ["/is-short", { uri: url }],
  ])("of %s is refused", async (path, body) => {
    const response = await worker.call("POST", path, { key, body });
    expect(response.status).toBe(400);
    expect((await response.json<ErrorBody>()).error).toMatch(/is not a known field/);
  });

  it("of a call that accepts none is refused, too", async () => {
    for (const path of ["/user/webhook-secret/rotate", "/admin/reseal"]) {
      const headers = { authorization: `Bearer ${env.ADMIN_TOKEN}`, "x-api-key": key };
      const response = await worker.call("POST", path, { headers, body: { hours: 48 } });
      expect(response.status).toBe(400);
      expect((await response.json<ErrorBody>()).error).toBe("hours is not a known field");
      expect((await worker.call("POST", path, { headers, body: {} })).status).toBe(200);
    }
  });

  it("whose name is an address is reported without the address's secrets", async () => {
    const name = "https://me:canary-password@example.com/?token=canary-token";
    expect(await adjustmentsOf("/jobs", { url, [name]: 1 })).toMatchObject([
      { field: "https://***@example.com/?token=***" },
    ]);
  });

  it("of a job's request is ignored and reported, in the response and on the job, without its value", async () => {
    const body = { url, s3: { secret_key: "canary-s3-secret" }, frobnicate: true };
    const response = await worker.call("POST", "/jobs", { key, body });
    expect(response.status).toBe(201);
    const { job_id, adjustments } = await response.json<{ job_id: string; adjustments: Adjustment[] }>();
    expect(adjustments).toEqual([
      { field: "s3", from: null, to: null, reason: "Unknown field; ignored (did you mean storage?)" },
      { field: "frobnicate", from: null, to: null, reason: "Unknown field; ignored" },
    ]);
    const job = await worker.call("GET", `/jobs/${job_id}`, { key });
    const text = await job.text();
    expect(JSON.parse(text)).toMatchObject({ adjustments });
    expect(text).not.toContain("canary");
  });

  it("of a bulk request is reported once, and that of an entry only on its job", async () => {
    const body = { jobs: [{ url }, { url: `${url}?2`, quality: 1 }], s3: 1 };
    const response = await worker.call("POST", "/jobs/bulk", { key, body });
    const { job_ids, adjustments } = await response.json<{ job_ids: string[]; adjustments: Adjustment[] }>();
    expect(adjustments.map(({ field }) => field).filter((field) => field !== "filename")).toEqual([
      "s3",
      "jobs.1.quality",
    ]);
    const fields = await Promise.all(
      job_ids.map(async (job) => {
        const view = await worker.call("GET", `/jobs/${job}`, { key });
        const { adjustments: own } = await view.json<{ adjustments: Adjustment[] }>();
        return own.map(({ field }) => field).filter((field) => field !== "filename");
      }),
    );
    expect(fields).toEqual([["s3"], ["s3", "jobs.1.quality"]]);
  });

  it("is always reported or refused: random bodies", { timeout: 60_000 }, async () => {
    const name = fc
      .string({ minLength: 1, maxLength: 30 })
      .map((text) => `x_${text}`)
      .filter((text) => text !== "x_");
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { minLength: 1, maxLength: 10 }),
        fc.jsonValue(),
        async (names, value) => {
          const unknown = Object.fromEntries(names.map((one) => [one, value]));
          const reported = await adjustmentsOf("/jobs", { url, ...unknown });
          expect(new Set(reported.map(({ field }) => field))).toEqual(new Set(names));
          const refused = await admin("POST", "/admin/accounts", { name: "a", ...unknown });
          expect(refused.status).toBe(400);
          const { issues } = await refused.json<ErrorBody>();
          expect(new Set(issues?.map(({ path }) => path))).toEqual(new Set(names));
        },
      ),
      { numRuns: 50 },
    );
  });
});
