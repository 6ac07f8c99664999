import type { InlineStorage } from "../../../schema/api/storage.ts";

/** Storage of callers at each provider, with made-up credentials. */

async function privateKey(): Promise<string> {
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const der = (await crypto.subtle.exportKey("pkcs8", pair.privateKey)) as ArrayBuffer;
  const body = btoa(String.fromCharCode(...new Uint8Array(der)));
  return `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`;
}

/** The content of a service account's key file. */
export const keyFile = {
  type: "service_account",
  client_email: "robot@project.iam.gserviceaccount.com",
  private_key: await privateKey(),
  token_uri: "https://oauth2.googleapis.com/token",
};

export const s3 = {
  provider: "s3",
  endpoint: "https://s3.eu-west-1.amazonaws.com",
  bucket: "media",
  region: "eu-west-1",
  access_key: "AKIACANARY",
  secret_key: "canary-secret-key",
} as const satisfies InlineStorage;

export const blob = {
  provider: "blob",
  account_name: "acmevideos",
  container: "media",
  account_key: btoa("canary-account-key"),
} as const satisfies InlineStorage;

export const sas = {
  provider: "blob",
  account_name: "acmevideos",
  container: "media",
  sas_token: "sv=2024-11-04&sr=c&sp=rcwd&se=2099-01-01T00:00:00Z&sig=canary-signature",
} as const satisfies InlineStorage;

export const gcs = {
  provider: "gcs",
  project_id: "project",
  bucket: "media",
  service_account_json: JSON.stringify(keyFile),
} as const satisfies InlineStorage;

export const oss = {
  provider: "oss",
  endpoint: "https://oss-cn-beijing.aliyuncs.com",
  bucket: "media",
  access_key_id: "LTAICANARY",
  access_key_secret: "canary-oss-secret",
} as const satisfies InlineStorage;

export const storages = { s3, blob, sas, gcs, oss } as const;

/** Strings that must not be stored, logged or returned. */
export const SECRETS = [
  s3.secret_key,
  blob.account_key,
  "canary-signature",
  keyFile.private_key.slice(40, 100),
  oss.access_key_secret,
  "canary-session-token",
] as const;
