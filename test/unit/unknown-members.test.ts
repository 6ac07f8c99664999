import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { AccountChange, NewAccount } from "../../schema/api/account.ts";
import { BatchRenames, BulkRequest } from "../../schema/api/batch.ts";
import { endpoints } from "../../schema/api/endpoints.ts";
import { JobRequest } from "../../schema/api/job-request.ts";
import { MAX_UNKNOWN_MEMBERS, unknownMembers } from "../../schema/api/unknown-members.ts";

const s3 = { provider: "s3", endpoint: "https://s3.example", bucket: "b", region: "auto" };
const url = "https://example.com/a.mp4";

describe("a field that the schema does not know is named, with the probable intention", () => {
  it.each<[z.ZodType, unknown, string, string | null]>([
    [JobRequest, { url, s3: {} }, "s3", "storage"],
    [JobRequest, { url, Storage: {} }, "Storage", "storage"],
    [JobRequest, { url, storge: {} }, "storge", "storage"],
    [JobRequest, { url, max_resolutoin: 720 }, "max_resolutoin", "max_resolution"],
    [JobRequest, { url, webhookUrl: url }, "webhookUrl", "webhook_url"],
    [JobRequest, { url, secret_key: "k" }, "secret_key", "storage.secret_key"],
    [JobRequest, { url, frobnicate: 1 }, "frobnicate", null],
    [JobRequest, { url, note: null }, "note", null],
    [JobRequest, { url, storage: { ...s3, acess_key: "a" } }, "storage.acess_key", "storage.access_key"],
    [
      JobRequest,
      { url, storage: { provider: "azure", container: "c", accountname: "a" } },
      "storage.accountname",
      "storage.account_name",
    ],
    [BulkRequest, { jobs: [{ url }, { url, file_name: "x" }] }, "jobs.1.file_name", "jobs.1.filename"],
    [AccountChange, { max_concurrent_jobs: 1 }, "max_concurrent_jobs", "limits.max_concurrent_jobs"],
    [
      NewAccount,
      { name: "a", limits: { max_concurent_jobs: 1 } },
      "limits.max_concurent_jobs",
      "limits.max_concurrent_jobs",
    ],
    [
      BatchRenames,
      { renames: [{ job_id: "x", filename: "y", name: "z" }] },
      "renames.0.name",
      "renames.0.filename",
    ],
  ])("%# %o", (schema, body, path, suggestion) => {
    expect(unknownMembers(schema, body)).toEqual([{ path, suggestion }]);
  });

  it("and names with a special meaning in JavaScript are unknown, too", () => {
    const body: unknown = JSON.parse(
      `{"url":"${url}","__proto__":1,"constructor":2,"toString":3,"hasOwnProperty":4}`,
    );
    expect(unknownMembers(JobRequest, body).map(({ path }) => path)).toEqual([
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
    ]);
  });
});

const bodies = Object.entries(endpoints).flatMap(([name, endpoint]) =>
  "body" in endpoint ? [[name, endpoint.body.schema as z.ZodType] as const] : [],
);
const shapeOf = (schema: z.ZodType): readonly string[] => {
  let probe: z.core.$ZodType = schema;
  for (;;) {
    const { def } = (probe as z.core.$ZodTypes)._zod;
    if (def.type === "pipe") probe = def.out;
    else if (def.type === "object") return Object.keys(def.shape);
    else return [];
  }
};

describe("for the body of every endpoint", () => {
  it.each(bodies)("%s, every unknown field is named and no known one", (_name, schema) => {
    const known = shapeOf(schema);
    expect(known.length).toBeGreaterThan(0);
    const name = fc.string({ unit: "binary", maxLength: 80 }).filter((text) => !known.includes(text));
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { maxLength: MAX_UNKNOWN_MEMBERS }),
        fc.subarray([...known]),
        fc.jsonValue(),
        (unknown, present, value) => {
          const members = [...present.map((one) => [one, null]), ...unknown.map((one) => [one, value])];
          const found = unknownMembers(schema, Object.fromEntries(members));
          expect(found).toHaveLength(unknown.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("a body of thousands of unknown fields costs little and names the first of them", () => {
    const body = { url, ...Object.fromEntries(Array.from({ length: 8000 }, (_, i) => [`member${i}`, i])) };
    expect(unknownMembers(JobRequest, body)).toHaveLength(MAX_UNKNOWN_MEMBERS);
    const [long] = unknownMembers(JobRequest, { url, ["x".repeat(60_000)]: 1 });
    expect(long?.path.length).toBeLessThan(100);
  });
});
