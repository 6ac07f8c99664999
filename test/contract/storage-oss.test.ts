import http from "node:http";
import { OssObjectStore } from "../../processor/storage/oss/oss.ts";
import { type OssDouble, startOssDouble } from "../support/oss-double.ts";
import { conformance, impatient, readLink, type StoreChange, type Subject } from "./storage-suite.ts";

let server: OssDouble;
/** The bucket is part of the host name, which no resolver knows here. */
const agent = new http.Agent({
  keepAlive: true,
  lookup: (_host, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]),
});

const endpointOf = (origin: string) => `http://oss-${server.region}.example.com:${new URL(origin).port}`;

const store = ({ origin, secret, bucket, agentFor }: StoreChange = {}) =>
  new OssObjectStore({
    endpoint: agentFor && origin ? origin : endpointOf(origin ?? server.origin),
    bucket: bucket ?? server.bucket,
    region: server.region,
    accessKeyId: server.accessKeyId,
    accessKeySecret: secret ?? server.accessKeySecret,
    agentFor: agentFor ?? (() => agent),
    clock: impatient,
  });

const subject: Subject = {
  store,
  target: () => ({
    ...{ provider: "oss", endpoint: endpointOf(server.origin), bucket: server.bucket, managed: false },
    ...{
      access_key_id: server.accessKeyId,
      access_key_secret: server.accessKeySecret,
      region: server.region,
    },
  }),
  origin: () => server.origin,
  isPart: (request, index) =>
    request.startsWith("PUT ") &&
    new RegExp(`[?&]partNumber=${index === undefined ? "\\d+" : index + 1}(&|$)`).test(request),
  isComplete: (request) => request.startsWith("POST ") && request.includes("uploadId="),
  unfinished: async () => server.unfinished(),
  secrets: () => [server.accessKeySecret, server.accessKeyId],
  link: (key) => store().signGet(key, 60),
  async readExpired(key) {
    const link = await store().signGet(key, 60);
    server.shiftClock(3_600_000);
    const read = await readLink(link, server.origin);
    server.shiftClock(-3_600_000);
    return read;
  },
  causes: { secret: /^SignatureDoesNotMatch \(403\)/, bucket: /^NoSuchBucket \(404\)/ },
  wrongSecret: "wrong-secret-value",
  lateParts: "refused",
  parts: "parallel",
  keepsDisposition: true,
  copies: "parts",
  isWhole: (request) => request.startsWith("PUT "),
  namesFiles: true,
  listsUploads: true,
  longestKey: 1023,
  async start() {
    server = await startOssDouble();
  },
  async stop() {
    agent.destroy();
    await server?.close();
  },
};

conformance("Alibaba OSS's double", subject);
