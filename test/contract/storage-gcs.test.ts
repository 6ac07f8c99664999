import http from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { GcsObjectStore } from "../../processor/storage/gcs/gcs.ts";
import { type GcsDouble, startGcsDouble } from "../support/gcs-double.ts";
import { conformance, impatient, readLink, type StoreChange, type Subject } from "./storage-suite.ts";

let server: GcsDouble;
const agent = new http.Agent({ keepAlive: true });

const store = ({ origin, secret, bucket, agentFor }: StoreChange = {}) =>
  new GcsObjectStore({
    endpoint: origin ?? server.origin,
    bucket: bucket ?? server.bucket,
    account: { ...server.account, privateKey: secret ? server.otherPrivateKey : server.account.privateKey },
    agentFor: agentFor ?? (() => agent),
    clock: impatient,
  });

const subject: Subject = {
  store,
  target: () => ({
    ...{ provider: "gcs", endpoint: server.origin, bucket: server.bucket, managed: false },
    service_account: {
      ...{ client_email: server.account.clientEmail, private_key: server.account.privateKey },
      ...{ token_uri: server.account.tokenUri, project_id: server.account.projectId },
    },
  }),
  origin: () => server.origin,
  isPart: (request, index) =>
    request.startsWith("PUT ") &&
    request.includes(index === undefined ? "partNumber=" : `partNumber=${index + 1}&`),
  isComplete: (request) => request.startsWith("POST ") && request.includes("uploadId="),
  unfinished: async () => server.unfinished(),
  secrets: () => [server.account.privateKey, "ya29."],
  link: (key) => store().signGet(key, 60),
  async readExpired(key) {
    const link = await store().signGet(key, 60);
    server.shiftClock(3_600_000);
    const read = await readLink(link, server.origin);
    server.shiftClock(-3_600_000);
    return read;
  },
  causes: {
    secret: /^invalid_grant \(400\): Invalid JWT Signature\.$/,
    bucket: /^NoSuchBucket \(404\)/,
  },
  wrongSecret: "another account's key",
  lateParts: "refused",
  parts: "parallel",
  keepsDisposition: true,
  copies: "whole",
  isWhole: (request) => request.startsWith("PUT "),
  namesFiles: true,
  listsUploads: true,
  longestKey: 1024,
  async start() {
    server = await startGcsDouble();
  },
  async stop() {
    agent.destroy();
    await server?.close();
  },
};

conformance("Google Cloud Storage's double", subject);

describe("a service account", () => {
  beforeAll(() => subject.start());
  afterAll(() => subject.stop());

  const open = (change: Partial<GcsDouble["account"]>, endpoint = server.origin, agentFor = () => agent) =>
    new GcsObjectStore({
      ...{ endpoint, bucket: server.bucket, clock: impatient, agentFor },
      account: { ...server.account, ...change },
    }).open({ key: "k", contentType: "text/plain" }, new AbortController().signal);

  it("is refused by name when its key cannot be read", async () => {
    const privateKey = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
    await expect(open({ privateKey })).rejects.toMatchObject({
      code: "upload_refused",
      detail: "MalformedKey: the service account's private key cannot be read",
    });
  });

  it("is refused by name when Google does not know it", async () => {
    await expect(open({ clientEmail: "nobody@example.iam.gserviceaccount.com" })).rejects.toMatchObject({
      code: "upload_refused",
      detail: "invalid_grant (400): Invalid grant: account not found",
    });
  });

  it("sends its token to no endpoint that the policy forbids", async () => {
    const policy = new EgressPolicy({ opened: new Set([new URL(server.origin).host]) });
    const agentFor = () => policy.agentFor("http:");
    await expect(open({}, "http://127.0.0.1:9", agentFor)).rejects.toMatchObject({
      code: "upload_refused",
      detail: expect.stringMatching(/^EgressBlocked: 127\.0\.0\.1:9 /),
    });
    policy.close();
  });
});
