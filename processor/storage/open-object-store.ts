import http from "node:http";
import https from "node:https";
import type { StorageTarget } from "../../schema/wire/run.ts";
import { CIPHERS } from "../egress/agents.ts";
import type { EgressPolicy } from "../egress/policy.ts";
import { BlobObjectStore } from "./azure/blob.ts";
import { GcsObjectStore } from "./gcs/gcs.ts";
import { GdriveObjectStore } from "./gdrive/gdrive.ts";
import type { ObjectStore } from "./object-store.ts";
import { OssObjectStore } from "./oss/oss.ts";
import { S3ObjectStore, type S3Options } from "./s3/s3.ts";
import type { TransportOptions } from "./transport.ts";

/** The operator's own bucket is configuration, not a caller's input: its endpoint is used without a check. */
const ownAgents = {
  "http:": new http.Agent({ keepAlive: true }),
  "https:": new https.Agent({ keepAlive: true, ciphers: CIPHERS }),
};

/** The object store for a storage target; one case for each provider, whose SDK is loaded by the first request. */
export function openObjectStore(
  target: StorageTarget,
  policy: EgressPolicy,
  more: Pick<S3Options, "idleMs" | "digest" | "crc32Refusals"> = {},
): ObjectStore {
  const { endpoint, managed, options } = target;
  const agentFor: TransportOptions["agentFor"] = (protocol) =>
    managed ? ownAgents[protocol] : policy.agentFor(protocol);
  const connections = { agentFor, options, ...more };
  switch (target.provider) {
    case "s3": {
      const { bucket, region, addressing, access_key, secret_key, session_token: sessionToken } = target;
      const keys = { accessKeyId: access_key, secretAccessKey: secret_key, sessionToken };
      return new S3ObjectStore({ endpoint, bucket, region, addressing, ...keys, ...connections });
    }
    case "blob": {
      const { account_name, container, credential } = target;
      const secret =
        "account_key" in credential
          ? { accountKey: credential.account_key }
          : { sasToken: credential.sas_token };
      return new BlobObjectStore({
        endpoint,
        accountName: account_name,
        container,
        credential: secret,
        ...connections,
      });
    }
    case "gcs": {
      const { client_email, private_key, token_uri, project_id } = target.service_account;
      const account = {
        ...{ clientEmail: client_email, privateKey: private_key },
        ...{ tokenUri: token_uri, projectId: project_id },
      };
      return new GcsObjectStore({ endpoint, bucket: target.bucket, account, ...connections });
    }
    case "gdrive":
      return new GdriveObjectStore({ target, ...connections });
    case "oss": {
      const { bucket, region, access_key_id, access_key_secret, session_token: sessionToken } = target;
      const keys = { accessKeyId: access_key_id, accessKeySecret: access_key_secret, sessionToken };
      return new OssObjectStore({ endpoint, bucket, region, ...keys, ...connections });
    }
  }
}
