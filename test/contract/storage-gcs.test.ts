import http from "node:http";
import { GcsSink } from "../../processor/storage/gcs.ts";
import { type GcsDouble, startGcsDouble } from "../support/gcs-double.ts";
import { conformance, impatient, readLink, type SinkChange, type Subject } from "./storage-suite.ts";

let server: GcsDouble;
const agent = new http.Agent({ keepAlive: true });

const sink = ({ origin, secret, bucket, agentFor }: SinkChange = {}) =>
  new GcsSink({
    endpoint: origin ?? server.origin,
    bucket: bucket ?? server.bucket,
    account: { ...server.account, privateKey: secret ? server.otherPrivateKey : server.account.privateKey },
    agentFor: agentFor ?? (() => agent),
    clock: impatient,
  });

const subject: Subject = {
  sink,
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
  link: (key) => sink().signGet(key, 60),
  async readExpired(key) {
    const link = await sink().signGet(key, 60);
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
