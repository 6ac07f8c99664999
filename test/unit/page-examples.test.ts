import { expect, it } from "vitest";
import { BlobStorage, GcsStorage, OssStorage, S3Storage } from "../../schema/api/storage.ts";
import { JobCompletedEvent } from "../../schema/api/webhook.ts";
import { parsePlans } from "../../worker/lib/marketplace-plans.ts";
import { readPage } from "../support/readme.ts";

/** The JSON that pages show, against the code that reads or writes it. */

const jsonBlocks = (page: string): string[] =>
  [...readPage(page).matchAll(/^```json\n(.*?)^```$/gms)].map((match) => match[1] ?? "");

/** Requests that set a storage, in the order of the page; policies come between them. */
const STORAGES = [S3Storage, BlobStorage, GcsStorage, OssStorage] as const;

it("of the guide to storage is accepted, and names no field that does not exist", () => {
  const bodies = jsonBlocks("docs/storage.md")
    .map((text) => JSON.parse(text))
    .filter((body) => !("Statement" in body || "includedPermissions" in body));
  expect(bodies).toHaveLength(STORAGES.length);
  for (const [index, body] of bodies.entries()) {
    const { data, error } = (STORAGES[index] ?? S3Storage).safeParse(body);
    expect(error).toBeUndefined();
    expect(Object.keys(data ?? {})).toEqual(expect.arrayContaining(Object.keys(body)));
  }
});

it("of the guide to marketplaces is a configuration of plans", () => {
  const [plans = ""] = jsonBlocks("docs/marketplaces.md");
  expect([...parsePlans(plans).keys()]).toEqual(["BASIC", "PRO", "CUSTOM"]);
});

it("of the guide to webhooks has the fields of an event", () => {
  const [event = "{}"] = jsonBlocks("docs/webhooks.md").map((text) => JSON.parse(text));
  expect(Object.keys(JobCompletedEvent.shape)).toEqual(expect.arrayContaining(Object.keys(event)));
  expect(JobCompletedEvent.partial().safeParse(event).error).toBeUndefined();
});

it("of the page for operators is a log line", () => {
  const [line] = jsonBlocks("docs/operations.md").map((text) => JSON.parse(text));
  expect(line).toMatchObject({ event: "run", time: expect.any(String), service: "processor" });
});
