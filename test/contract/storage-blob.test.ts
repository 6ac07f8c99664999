import http from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BlobObjectStore } from "../../processor/storage/azure/blob.ts";
import { type Azurite, startAzurite } from "../support/azurite.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { conformance, impatient, readLink, type StoreChange, type Subject } from "./storage-suite.ts";

let server: Azurite;
const agent = new http.Agent({ keepAlive: true });
afterAll(() => agent.destroy());

type Credential = ConstructorParameters<typeof BlobObjectStore>[0]["credential"];

const newStore = (credential: Credential, { origin, bucket, agentFor }: StoreChange, clock = impatient) =>
  new BlobObjectStore({
    endpoint: origin ? new URL(`/${server.accountName}`, origin).href : server.endpoint,
    accountName: server.accountName,
    container: bucket ?? server.container,
    credential,
    agentFor: agentFor ?? (() => agent),
    clock,
  });

/** The index in a block's id; the block that marks the upload is not a part. */
function partOf(request: string): number | undefined {
  const id = new URL(request.split(" ")[1] ?? "", "http://azurite").searchParams.get("blockid");
  const index = Number(/-(\d{5})$/.exec(Buffer.from(id ?? "", "base64").toString())?.[1] ?? Number.NaN);
  return index < 99_999 ? index : undefined;
}

const common = {
  origin: () => new URL(server.endpoint).origin,
  isPart: (request: string, index?: number) => {
    const part = partOf(request);
    return part !== undefined && (index === undefined || part === index);
  },
  isComplete: (request: string) => request.includes("comp=blocklist") && request.startsWith("PUT "),
  unfinished: () => server.unfinished(),
  link: (key: string) => newStore({ accountKey: server.accountKey }, {}).signGet(key, 60),
  lateParts: "useless",
  parts: "parallel",
  keepsDisposition: true,
  copies: "parts",
  isWhole: (request: string) => request.startsWith("PUT "),
  namesFiles: true,
  listsUploads: true,
  longestKey: 1024,
  async start() {
    server = await startAzurite();
  },
  stop: async () => server?.close(),
} as const;

const byKey = (secret?: string): Credential => ({ accountKey: secret ?? server.accountKey });

conformance("Azurite, by the account's key", {
  ...common,
  store: (change = {}) => newStore(byKey(change.secret), change),
  target: () => ({
    ...{ provider: "blob", endpoint: server.endpoint, account_name: server.accountName, managed: false },
    ...{ container: server.container, credential: { account_key: server.accountKey } },
  }),
  async readExpired(key) {
    const anHourAgo = { ...impatient, now: () => Date.now() - 3_600_000 };
    return readLink(await newStore(byKey(), {}, anHourAgo).signGet(key, 60), server.endpoint);
  },
  secrets: () => [server.accountKey],
  causes: {
    secret: /^(AuthenticationFailed|AuthorizationFailure) \(403\)/,
    bucket: /^ContainerNotFound \(404\)/,
  },
  wrongSecret: Buffer.from("wrong").toString("base64"),
} satisfies Subject);

const bySas = (): string => server.sasToken("racwd");

conformance("Azurite, by a shared access signature", {
  ...common,
  store: (change = {}) => newStore({ sasToken: change.secret ?? bySas() }, change),
  target: () => ({
    ...{ provider: "blob", endpoint: server.endpoint, account_name: server.accountName, managed: false },
    ...{ container: server.container, credential: { sas_token: bySas() } },
  }),
  secrets: () => [new URLSearchParams(bySas()).get("sig") ?? ""],
  causes: { secret: /^(AuthenticationFailed|AuthorizationFailure) \(403\)/, bucket: /\(40[34]\)/ },
  wrongSecret: "sv=2024-11-04&sr=c&sp=racwd&se=2099-01-01T00%3A00%3A00Z&sig=d3Jvbmc%3D",
} satisfies Subject);

describe("a shared access signature", () => {
  beforeAll(() => common.start());
  afterAll(() => common.stop());

  const open = (sasToken: string) =>
    newStore({ sasToken }, {}).open({ key: "k", contentType: "text/plain" }, new AbortController().signal);

  it("is named in the error when it is not valid yet or any more", async () => {
    await expect(open(server.sasToken("racwd", new Date(Date.now() - 60_000)))).rejects.toMatchObject({
      code: "upload_refused",
      detail: expect.stringMatching(/^ExpiredToken \(403\)/),
    });
  });

  it("is refused when it may not write", async () => {
    await expect(open(server.sasToken("r"))).rejects.toMatchObject({
      code: "upload_refused",
      detail: expect.stringMatching(/^AuthorizationPermissionMismatch \(403\)/),
    });
  });

  it("delivers when it may write but not read, and then drops no blocks", async () => {
    const upload = await open(server.sasToken("cwd"));
    await upload.putPart(0, [Buffer.from("unread")], new AbortController().signal);
    await upload.complete();
    expect((await readLink(await common.link("k"), server.endpoint)).bytes.toString()).toBe("unread");
    await expect((await open(server.sasToken("cwd"))).abort()).resolves.toBeUndefined();
    expect((await readLink(await common.link("k"), server.endpoint)).bytes.toString()).toBe("unread");
  });

  it("delivers when it may write but not read, and the response to the completion is lost", async () => {
    let lost = false;
    const proxy = await startFaultyProxy(common.origin(), (request) => {
      if (lost || !common.isComplete(request)) return "pass";
      lost = true;
      return "lose-answer";
    });
    const store = newStore({ sasToken: server.sasToken("cwd") }, { origin: proxy.origin });
    const never = new AbortController().signal;
    const upload = await store.open({ key: "lost", contentType: "text/plain" }, never);
    await upload.putPart(0, [Buffer.from("unread")], never);
    await upload.complete();
    await proxy.close();
    expect((await readLink(await common.link("lost"), server.endpoint)).bytes.toString()).toBe("unread");
  });

  it("stores blobs with the requested tier and tags", async () => {
    const never = new AbortController().signal;
    const options = { storage_class: "Cool", tags: { team: "a b", cost: "1/2" } };
    const store = new BlobObjectStore({
      ...{ endpoint: server.endpoint, accountName: server.accountName, container: server.container },
      ...{ credential: byKey(), agentFor: () => agent, clock: impatient, options },
    });
    const upload = await store.open({ key: "optional", contentType: "text/plain" }, never);
    await upload.putPart(0, [Buffer.from("x")], never);
    await upload.complete();
    const { headers } = await fetch((await common.link("optional")) ?? "", { method: "HEAD" });
    expect(headers.get("x-ms-access-tier")).toBe("Cool");
    const { headers: tagged } = await readLink(await common.link("optional"), server.endpoint);
    expect(tagged["x-ms-tag-count"]).toBe("2");
  });
});
