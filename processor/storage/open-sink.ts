import http from "node:http";
import https from "node:https";
import type { StorageTarget } from "../../schema/wire/run.ts";
import type { EgressPolicy } from "../egress/policy.ts";
import { Fault } from "../fault.ts";
import { S3Sink } from "./s3.ts";
import type { Sink } from "./sink.ts";

/** The operator's own bucket is configuration, not a caller's word: its endpoint is dialled as it is. */
const ownAgents = {
  "http:": new http.Agent({ keepAlive: true }),
  "https:": new https.Agent({ keepAlive: true }),
};

/** The sink for a storage target; one entry for each provider. */
export function openSink(target: StorageTarget, policy: EgressPolicy): Sink {
  if (target.provider !== "s3") throw new Fault("upload_refused", `no sink for ${target.provider}`);
  return new S3Sink({
    endpoint: target.endpoint,
    bucket: target.bucket,
    region: target.region,
    accessKeyId: target.access_key,
    secretAccessKey: target.secret_key,
    addressing: target.addressing,
    agentFor: (protocol) => (target.managed ? ownAgents[protocol] : policy.agentFor(protocol)),
  });
}
