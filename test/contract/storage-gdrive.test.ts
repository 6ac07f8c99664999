import { randomBytes } from "node:crypto";
import http from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GdriveObjectStore } from "../../processor/storage/gdrive/gdrive.ts";
import type { ObjectStore } from "../../processor/storage/object-store.ts";
import type { TargetOf } from "../../schema/storage/address.ts";
import { CHUNK_UNIT_BYTES } from "../../schema/storage/gdrive/drive-request.ts";
import { DriveTree } from "../../schema/storage/gdrive/drive-tree.ts";
import { GdriveStore } from "../../worker/services/storage/gdrive.ts";
import type { StorageClient } from "../../worker/services/storage/store.ts";
import { type DriveDouble, startDriveDouble } from "../support/drive/drive-double.ts";
import { refusalBody } from "../support/drive/drive-refusal.ts";
import { type Disturbance, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { conformance, impatient, type StoreChange, type Subject } from "./storage-suite.ts";

let server: DriveDouble;
const agent = new http.Agent({ keepAlive: true });
const never = new AbortController().signal;

const target = (change: Partial<TargetOf<"gdrive">> = {}): TargetOf<"gdrive"> => ({
  ...{ provider: "gdrive", endpoint: server.origin, folder_id: server.folderId },
  ...{ share_links: false, managed: false },
  service_account: {
    client_email: server.account.clientEmail,
    private_key: server.account.privateKey,
    token_uri: server.account.tokenUri,
  },
  ...change,
});

const store = ({ origin, secret, bucket, agentFor }: StoreChange = {}): ObjectStore => {
  const { service_account, ...place } = target();
  const private_key = secret ? server.otherPrivateKey : service_account.private_key;
  return new GdriveObjectStore({
    target: {
      ...place,
      endpoint: origin ?? place.endpoint,
      folder_id: bucket ?? place.folder_id,
      service_account: { ...service_account, private_key },
    },
    agentFor: agentFor ?? (() => agent),
    clock: impatient,
  });
};

const RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/;
const rangeOf = (headers: http.IncomingHttpHeaders) => RANGE.exec(headers["content-range"] ?? "");
/** The size of the parts that the suite sends. */
const PART = 4 * CHUNK_UNIT_BYTES;

const subject: Subject = {
  store,
  target,
  origin: () => server.origin,
  isPart(request, index, headers) {
    const last = rangeOf(headers)?.[2];
    if (!request.startsWith("PUT ") || last === undefined) return false;
    return index === undefined || Math.floor(Number(last) / PART) === index;
  },
  isComplete(request, headers) {
    const [, , last, total] = rangeOf(headers) ?? [];
    return request.startsWith("PUT ") && last !== undefined && total !== "*";
  },
  isWhole: (request) => request.startsWith("POST ") && request.includes("uploadType=multipart"),
  unfinished: async () => server.sessions.open,
  secrets: () => [server.account.privateKey, "ya29."],
  link: async (key) => `${server.origin}/uc?key=${encodeURIComponent(key)}`,
  causes: { secret: /^invalid_grant \(400\): Invalid JWT Signature\.$/, bucket: /^notFound \(404\)/ },
  wrongSecret: "another account's key",
  lateParts: "useless",
  parts: "in order",
  keepsDisposition: false,
  copies: "renamed",
  namesFiles: false,
  listsUploads: false,
  longestKey: 1024,
  async start() {
    server = await startDriveDouble();
  },
  async stop() {
    agent.destroy();
    await server?.close();
  },
};

conformance("Google Drive's double", subject);

describe("Google Drive", () => {
  beforeAll(() => subject.start());
  afterAll(() => subject.stop());
  const proxies: FaultyProxy[] = [];
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  const disturbed = async (
    disturb: (request: string, headers: http.IncomingHttpHeaders) => Disturbance,
  ): Promise<{ store: ObjectStore; proxy: FaultyProxy }> => {
    const proxy = await startFaultyProxy(server.origin, disturb);
    proxies.push(proxy);
    return { store: store({ origin: proxy.origin }), proxy };
  };
  const edge = (change: Partial<TargetOf<"gdrive">> = {}): StorageClient =>
    new GdriveStore(target(change), { fetch, clock: Date.now });
  const named = (key: string) => server.files.under(server.folderId, key);
  const deliver = async (to: ObjectStore, key: string, parts: readonly Buffer[]): Promise<void> => {
    const upload = await to.open({ key, contentType: "video/mp4" }, never);
    for (const [index, part] of parts.entries()) await upload.putPart(index, [part], never);
    await upload.complete();
  };
  const refusal = (status: number, reason: string): Disturbance => ({
    ...{ status, headers: { "content-type": "application/json" }, body: refusalBody(status, reason) },
  });

  it("has one file of a name, whose id and links stay when it is replaced", async () => {
    await deliver(store(), "replaced/a.mp4", [Buffer.from("first")]);
    const [before] = named("replaced/a.mp4");
    await deliver(store(), "replaced/a.mp4", [Buffer.from("second")]);
    const [after, ...others] = named("replaced/a.mp4");
    expect([after?.id, after?.content?.toString(), others]).toEqual([before?.id, "second", []]);
  });

  it("distinguishes names that differ only in upper and lower case", async () => {
    await deliver(store(), "Cases/A.mp4", [Buffer.from("upper")]);
    await deliver(store(), "cases/a.mp4", [Buffer.from("lower")]);
    expect(named("Cases/A.mp4")[0]?.content?.toString()).toBe("upper");
    expect(named("cases/a.mp4")[0]?.content?.toString()).toBe("lower");
  });

  it("gets a folder once for all runs of a processor", async () => {
    const keys = Array.from({ length: 6 }, (_, index) => `together/deep/${index}.mp4`);
    await Promise.all(keys.map((key) => deliver(store(), key, [Buffer.from(key)])));
    expect([named("together").length, named("together/deep").length]).toEqual([1, 1]);
    expect(keys.map((key) => named(key).length)).toEqual(keys.map(() => 1));
  });

  it("has one folder left when two processors create it at the same moment", async () => {
    const both = Promise.withResolvers<void>();
    let making = 0;
    const held = (request: string): Disturbance => {
      if (!request.startsWith("POST /drive/v3/files?")) return "pass";
      making += 1;
      if (making === 2) both.resolve();
      return { until: both.promise };
    };
    const { proxy } = await disturbed(held);
    // a second folder tree plays another processor
    const token = await tokenOf(server);
    const treeOf = () =>
      new DriveTree({
        ...{ endpoint: proxy.origin, folderId: server.folderId },
        async send({ method, url, body }) {
          const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
          const answer = await fetch(url, {
            method,
            headers,
            ...(body ? { body: JSON.stringify(body) } : {}),
          });
          return { status: answer.status, text: await answer.text() };
        },
      });
    const ids = await Promise.all([treeOf().folderFor("race/a.mp4"), treeOf().folderFor("race/b.mp4")]);
    expect(named("race").map(({ id }) => id)).toEqual([ids[0]]);
    expect(ids[1]).toBe(ids[0]);
  });

  it("finds files in both of two folders with the same name, and delivers into the older one", async () => {
    const query = new URLSearchParams({ supportsAllDrives: "true" });
    const folder = {
      name: "twice",
      mimeType: "application/vnd.google-apps.folder",
      parents: [server.folderId],
    };
    const older = server.files.create(folder, query, null);
    const younger = server.files.create(folder, query, null);
    const mark = { waterspout: "file" };
    server.files.create({ name: "b.mp4", parents: [younger.id], properties: mark }, query, Buffer.from("b"));
    await deliver(store(), "twice/a.mp4", [Buffer.from("a")]);
    expect(named("twice/a.mp4")[0]?.parents).toEqual([[older, younger].toSorted(byAge)[0]?.id]);
    await store().delete("twice/b.mp4");
    expect(named("twice/b.mp4")).toEqual([]);
  });

  it("loses what was delivered when it is deleted, and never what people put under the same name", async () => {
    const query = new URLSearchParams({ supportsAllDrives: "true" });
    const own = { name: "notes.mp4", parents: [server.folderId] };
    server.files.create(own, query, Buffer.from("theirs"));
    await store().delete("notes.mp4");
    await edge().deleteObject("notes.mp4");
    expect(named("notes.mp4")).toHaveLength(1);
  });

  it("uses the trash where the account may not delete", async () => {
    server.files.share("content-managed", "contentManager");
    const limited = store({ bucket: "content-managed" });
    await deliver(limited, "a.mp4", [Buffer.from("x")]);
    expect(server.files.under("content-managed", "a.mp4")).toHaveLength(1);
    await limited.delete("a.mp4");
    expect(server.files.under("content-managed", "a.mp4")).toEqual([]);
  });

  it("continues where the storage took only part of a chunk", async () => {
    const bytes = randomBytes(3 * PART);
    server.sessions.takeNext = CHUNK_UNIT_BYTES;
    await deliver(store(), "partly.bin", [bytes.subarray(0, PART), bytes.subarray(PART)]);
    expect(named("partly.bin")[0]?.content?.equals(bytes)).toBe(true);
  });

  it("receives nothing again that arrived before the response was lost", async () => {
    const bytes = randomBytes(2 * PART);
    let lost = false;
    const { store: through, proxy } = await disturbed((request, headers) => {
      if (lost || !subject.isPart(request, 0, headers)) return "pass";
      lost = true;
      return "lose-answer";
    });
    await deliver(through, "resumed.bin", [bytes.subarray(0, PART), bytes.subarray(PART)]);
    expect(named("resumed.bin")[0]?.content?.equals(bytes)).toBe(true);
    // two chunks, a status query, the end
    expect(proxy.requests.filter((request) => request.startsWith("PUT "))).toHaveLength(4);
  });

  it("fails an upload that Drive forgot, so that the job is tried again", async () => {
    const upload = await store().open({ key: "lost.bin", contentType: "video/mp4" }, never);
    await upload.putPart(0, [randomBytes(PART)], never);
    server.sessions.forgetAll();
    await expect(upload.putPart(1, [randomBytes(PART)], never)).rejects.toMatchObject({
      code: "upload_failed",
      detail: expect.stringMatching(/^SessionGone/),
    });
    expect(named("lost.bin")).toEqual([]);
  });

  it("renews a token that is no longer valid in the middle of an upload", async () => {
    const bytes = randomBytes(3 * PART);
    const upload = await store().open({ key: "long.bin", contentType: "video/mp4" }, never);
    await upload.putPart(0, [bytes.subarray(0, PART)], never);
    server.revokeTokens();
    await upload.putPart(1, [bytes.subarray(PART, 2 * PART)], never);
    server.revokeTokens();
    await upload.putPart(2, [bytes.subarray(2 * PART)], never);
    await upload.complete();
    expect(named("long.bin")[0]?.content?.equals(bytes)).toBe(true);
    expect(upload.retries).toBe(0);
  });

  it("keeps no file with a different checksum", async () => {
    server.sessions.damageNext = true;
    await expect(deliver(store(), "damaged.bin", [Buffer.from("whole")])).rejects.toMatchObject({
      code: "upload_failed",
      detail: expect.stringMatching(/^ChecksumMismatch/),
    });
    expect(named("damaged.bin")).toEqual([]);
  });

  it.each([
    [403, "rateLimitExceeded"],
    [403, "userRateLimitExceeded"],
    [429, "rateLimitExceeded"],
    [500, "internalError"],
    [503, "backendError"],
  ])("is asked again after %i %s", async (status, reason) => {
    let left = 2;
    const { store: through } = await disturbed(() => (left-- > 0 ? refusal(status, reason) : "pass"));
    await deliver(through, `limited/${status} ${reason}`, [Buffer.from("x")]);
    expect(named(`limited/${status} ${reason}`)).toHaveLength(1);
  });

  it("blames the storage for a limit that persists, and the credentials for a missing permission", async () => {
    const { store: busy } = await disturbed(() => refusal(403, "userRateLimitExceeded"));
    const failure = {
      code: "upload_failed",
      detail: expect.stringMatching(/^userRateLimitExceeded \(403\)/),
    };
    await expect(deliver(busy, "x", [Buffer.from("x")])).rejects.toMatchObject(failure);
    server.files.share("read-only", "reader");
    await expect(deliver(store({ bucket: "read-only" }), "x", [Buffer.from("x")])).rejects.toMatchObject({
      ...{ code: "upload_refused", detail: expect.stringMatching(/^insufficientFilePermissions \(403\)/) },
    });
    server.files.share("somebodys-folder", null);
    await expect(
      deliver(store({ bucket: "somebodys-folder" }), "x", [Buffer.from("x")]),
    ).rejects.toMatchObject({
      ...{ code: "upload_refused", detail: expect.stringMatching(/^storageQuotaExceeded \(403\)/) },
    });
  });

  it("lets the edge abort an upload by a name that does not reveal its address", async () => {
    await deliver(store(), "fenced.mp4", [Buffer.from("former")]);
    const zombie = await store().open({ key: "fenced.mp4", contentType: "video/mp4" }, never);
    await zombie.putPart(0, [randomBytes(PART)], never);
    expect(zombie.ref).not.toMatch(/:\/\/|upload_id/);
    await edge().abortUpload("fenced.mp4", zombie.ref);
    await edge().abortUpload("fenced.mp4", zombie.ref);
    await edge().abortUpload("fenced.mp4", "a name of another account");
    await expect(zombie.complete()).rejects.toMatchObject({ code: "upload_failed" });
    expect(server.sessions.open).not.toContain("fenced.mp4");
    expect(named("fenced.mp4").map(({ content }) => content?.toString())).toEqual(["former"]);
  });

  it("does not report an upload as aborted that is still open", async () => {
    const zombie = await store().open({ key: "open.mp4", contentType: "video/mp4" }, never);
    const { store: through } = await disturbed((request) =>
      request.startsWith("DELETE ") ? { status: 400, body: "{}" } : "pass",
    );
    await expect(through.abort("open.mp4", zombie.ref)).rejects.toMatchObject({ code: "upload_failed" });
    await zombie.abort();
  });

  it("is written, read, listed and emptied by the edge", async () => {
    const client = edge();
    const folder = "videos/Ü & 'co'\\x/.recordings/job";
    for (const key of [`${folder}/1/0`, `${folder}/1/1`, `${folder}/2/0`, `${folder}-other/1/0`]) {
      await store().put({ key, contentType: "application/octet-stream" }, [Buffer.from(key)], never);
    }
    expect((await client.listKeys(`${folder}/`)).toSorted()).toEqual(
      [`${folder}/1/0`, `${folder}/1/1`, `${folder}/2/0`].toSorted(),
    );
    for (const key of await client.listKeys(`${folder}/`)) await client.deleteObject(key);
    expect(await client.listKeys(`${folder}/`)).toEqual([]);
    expect(named(`${folder}-other/1/0`)).toHaveLength(1);
    await client.putObject("videos/verify_credentials.txt", "first");
    await client.putObject("videos/verify_credentials.txt", "second");
    expect(named("videos/verify_credentials.txt").map(({ content }) => `${content}`)).toEqual(["second"]);
  });

  it("lets a run read its own objects back with its token, and only that run", async () => {
    const own = store();
    const body = randomBytes(300);
    await own.put({ key: "own/piece", contentType: "application/octet-stream" }, [body], never);
    const large = randomBytes(6_000_000);
    await own.put({ key: "own/large", contentType: "application/octet-stream" }, [large], never);
    const headers = (await own.ownHeaders?.()) ?? {};
    // the run that stored it knows its id, another run has to look it up
    for (const reader of [own, store()]) {
      const url = (await reader.ownLink("own/piece", 60)) ?? "";
      const range = await fetch(url, { headers: { ...headers, range: "bytes=100-199" } });
      expect(Buffer.from(await range.arrayBuffer()).equals(body.subarray(100, 200))).toBe(true);
      expect((await fetch(url)).status).toBe(401);
    }
    expect(named("own/large")[0]?.content?.equals(large)).toBe(true);
    const missing = (await own.ownLink("own/missing", 60)) ?? "";
    expect((await fetch(missing, { headers })).status).toBe(404);
    await own.delete("own/piece");
    expect(named("own/piece")).toEqual([]);
  });

  it("lists more files than a page of Drive holds", async () => {
    const query = new URLSearchParams({ supportsAllDrives: "true" });
    const folder = {
      name: "many",
      mimeType: "application/vnd.google-apps.folder",
      parents: [server.folderId],
    };
    const { id } = server.files.create(folder, query, null);
    for (let index = 0; index < 201; index++) {
      const file = { name: `${index}`, parents: [id], properties: { waterspout: "file" } };
      server.files.create(file, query, Buffer.from("x"));
    }
    await deliver(store(), "many/0", [Buffer.from("new")]);
    expect(named("many/0").map(({ content }) => `${content}`)).toEqual(["new"]);
    expect(await edge().listKeys("many/")).toHaveLength(200);
  });

  it("gives a link where the account shares files or the folder is public, and none elsewhere", async () => {
    await deliver(store(), "linked.mp4", [Buffer.from("linked")]);
    expect(await edge().signedLink("linked.mp4")).toBeNull();
    server.noSharing = "sharingRateLimitExceeded";
    expect(await edge({ share_links: true }).signedLink("linked.mp4")).toBeNull();
    server.noSharing = null;
    const link = await edge({ share_links: true }).signedLink("linked.mp4");
    expect(await (await fetch(link ?? "")).text()).toBe("linked");
    server.files.share("open-to-all", "manager", { isPublic: true });
    await deliver(store({ bucket: "open-to-all" }), "a.mp4", [Buffer.from("open")]);
    const open = await edge({ folder_id: "open-to-all" }).signedLink("a.mp4");
    expect(await (await fetch(open ?? "")).text()).toBe("open");
    expect(await edge().signedLink("missing.mp4")).toBeNull();
  });

  it("sends its token to no other host, whichever a response names", async () => {
    const elsewhere = "https://attacker.example.com/upload/drive/v3/other?upload_id=x";
    const { store: through } = await disturbed((request) =>
      request.includes("uploadType=resumable") ? { status: 200, headers: { location: elsewhere } } : "pass",
    );
    await expect(through.open({ key: "x", contentType: "video/mp4" }, never)).rejects.toMatchObject({
      detail: expect.stringMatching(/^NoSession/),
    });
  });

  it("refuses a key that cannot be read by its name", async () => {
    const private_key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
    const { service_account, ...place } = target();
    const wrong = new GdriveObjectStore({
      target: { ...place, service_account: { ...service_account, private_key } },
      ...{ agentFor: () => agent, clock: impatient },
    });
    await expect(wrong.open({ key: "k", contentType: "text/plain" }, never)).rejects.toMatchObject({
      code: "upload_refused",
      detail: "MalformedKey: the service account's private key cannot be read",
    });
  });
});

interface Aged {
  readonly id: string;
  readonly createdTime: string;
}

const byAge = (a: Aged, b: Aged): number =>
  a.createdTime.localeCompare(b.createdTime) || a.id.localeCompare(b.id);

/** A token, obtained as any processor does. */
async function tokenOf({ account }: DriveDouble): Promise<string> {
  const { GoogleTokens } = await import("../../schema/storage/gdrive/google-tokens.ts");
  const exchange = async (url: string, form: string) => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return (await fetch(url, { method: "POST", headers, body: form })).text();
  };
  const { clientEmail: client_email, privateKey: private_key, tokenUri: token_uri } = account;
  return new GoogleTokens({ client_email, private_key, token_uri }, exchange, Date.now).token();
}
