import http from "node:http";
import { S3ObjectStore } from "../../processor/storage/s3/s3.ts";
import type { S3Server } from "../support/s3-server.ts";
import { impatient, readLink, type Subject } from "./storage-suite.ts";

type Differences = Pick<Subject, "causes" | "namesFiles" | "listsUploads" | "longestKey" | "copies">;

/** The S3 object store on one server. */
export function s3Subject(startServer: () => Promise<S3Server>, differences: Differences): Subject {
  let server: S3Server;
  const agent = new http.Agent({ keepAlive: true });
  const store = (
    { origin, secret, bucket, agentFor }: Parameters<Subject["store"]>[0] = {},
    clock = impatient,
  ) =>
    new S3ObjectStore({
      endpoint: origin ? new URL(new URL(server.endpoint).pathname, origin).href : server.endpoint,
      bucket: bucket ?? server.bucket,
      region: server.region,
      accessKeyId: server.accessKeyId,
      secretAccessKey: secret ?? server.secretAccessKey,
      addressing: "path",
      agentFor: agentFor ?? (() => agent),
      clock,
    });
  return {
    ...differences,
    store,
    target: () => ({
      ...{ provider: "s3", endpoint: server.endpoint, bucket: server.bucket, region: server.region },
      ...{ access_key: server.accessKeyId, secret_key: server.secretAccessKey },
      ...{ addressing: "path", managed: false },
    }),
    origin: () => new URL(server.endpoint).origin,
    isPart: (request, index) =>
      request.startsWith("PUT ") &&
      request.includes(index === undefined ? "partNumber=" : `partNumber=${index + 1}&`),
    isComplete: (request) => request.startsWith("POST ") && request.includes("uploadId="),
    unfinished: () => server.unfinishedUploads(),
    secrets: () => [server.secretAccessKey, server.accessKeyId],
    link: (key) => store().signGet(key, 60),
    async readExpired(key) {
      const anHourAgo = { ...impatient, now: () => Date.now() - 3_600_000 };
      return readLink(await store({}, anHourAgo).signGet(key, 60), server.endpoint);
    },
    wrongSecret: "wrong-secret-value",
    lateParts: "refused",
    parts: "parallel",
    keepsDisposition: true,
    isWhole: (request) => request.startsWith("PUT "),
    async start() {
      server = await startServer();
    },
    async stop() {
      agent.destroy();
      await server?.close();
    },
  };
}
