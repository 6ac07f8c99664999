import { describe, expect, it } from "vitest";
import { InlineStorage } from "../../schema/api/storage.ts";
import { StorageTargetError, targetOf } from "../../schema/storage/target.ts";
import { StorageTarget } from "../../schema/wire/run.ts";

const s3 = { provider: "s3", bucket: "media", region: "auto", access_key: "AK", secret_key: "SK" };
const blob = { provider: "blob", account_name: "acme", container: "media" };
const oss = { provider: "oss", bucket: "media", access_key_id: "AK", access_key_secret: "SK" };
const keyFile = {
  type: "service_account",
  client_email: "robot@acme.iam.gserviceaccount.com",
  private_key: "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
  token_uri: "https://oauth2.googleapis.com/token",
};
const gcs = (file: unknown, change = {}) => ({
  ...{ provider: "gcs", project_id: "acme", bucket: "media", ...change },
  service_account_json: typeof file === "string" ? file : JSON.stringify(file),
});
const base64 = (text: string) => Buffer.from(text).toString("base64");

const target = (storage: object, opened: string[] = []) => {
  const found = targetOf(InlineStorage.parse(storage), new Set(opened));
  expect(StorageTarget.parse(found)).toEqual(found);
  return found;
};
const wrongField = (storage: object): StorageTargetError => {
  try {
    target(storage);
  } catch (error) {
    if (error instanceof StorageTargetError) return error;
    throw error;
  }
  throw new Error("it was accepted");
};

describe("an S3 target", () => {
  it.each([
    ["https://acct.r2.cloudflarestorage.com", "media", "path", "https://acct.r2.cloudflarestorage.com"],
    ["http://127.0.0.1:9000/s3/", "media", "path", "http://127.0.0.1:9000/s3"],
    ["https://media.example.com", "media", "path", "https://media.example.com"],
    ["https://s3.eu-central-1.amazonaws.com", "media", "virtual", "https://s3.eu-central-1.amazonaws.com"],
    ["https://s3.eu-central-1.amazonaws.com", "a.b.c", "path", "https://s3.eu-central-1.amazonaws.com"],
    ["https://media.s3.eu-west-1.amazonaws.com/", "media", "virtual", "https://s3.eu-west-1.amazonaws.com"],
    ["https://media.s3.example.com", "media", "virtual", "https://s3.example.com"],
  ])("on %s with bucket %s is addressed by %s at %s", (endpoint, bucket, addressing, unified) => {
    expect(target({ ...s3, endpoint, bucket })).toMatchObject({
      ...{ addressing, endpoint: unified, bucket, managed: false },
      ...{ access_key: "AK", secret_key: "SK", region: "auto" },
    });
  });
});

describe("a Blob target", () => {
  it("finds the account's endpoint, and keeps a custom one", () => {
    const storage = { ...blob, account_key: base64("key") };
    expect(target(storage)).toMatchObject({
      endpoint: "https://acme.blob.core.windows.net",
      credential: { account_key: base64("key") },
    });
    const endpoint = "http://127.0.0.1:10000/acme/";
    expect(target({ ...storage, endpoint })).toMatchObject({ endpoint: "http://127.0.0.1:10000/acme" });
  });

  it("accepts a token with and without its question mark", () => {
    for (const sas_token of ["?sv=1&sig=a%2Bb", "sv=1&sig=a%2Bb"]) {
      expect(target({ ...blob, sas_token })).toMatchObject({ credential: { sas_token: "sv=1&sig=a%2Bb" } });
    }
  });

  it.each([
    ["account_key", { account_key: "not base64!" }, "account_key is not Base64"],
    ["sas_token", { sas_token: "sv=1&se=2" }, "sas_token has no signature"],
    ["account_name", { account_name: "a b", account_key: "QQ==" }, "account_name cannot be part"],
  ])("says what is wrong with %s", (field, change, message) => {
    const error = wrongField({ ...blob, ...change });
    expect(error.field).toBe(field);
    expect(error.message).toContain(message);
  });
});

describe("a Google target", () => {
  it("reads a key file as JSON and as Base64 of it", () => {
    const { type: _, ...account } = keyFile;
    for (const text of [
      JSON.stringify(keyFile),
      base64(JSON.stringify(keyFile)),
      `${base64(JSON.stringify(keyFile, null, 2)).replace(/.{76}/g, "$&\n")}\n`,
    ]) {
      expect(target(gcs(text))).toMatchObject({
        endpoint: "https://storage.googleapis.com",
        service_account: { ...account, project_id: "acme" },
      });
    }
  });

  it("repairs line breaks that were escaped twice, and fills in Google's token host", () => {
    const { token_uri: _, ...file } = keyFile;
    const escaped = { ...file, private_key: file.private_key.replaceAll("\n", "\\n") };
    expect(target(gcs(escaped))).toMatchObject({
      service_account: { private_key: keyFile.private_key, token_uri: keyFile.token_uri },
    });
  });

  it("lets only Google and allowed hosts issue tokens", () => {
    const file = { ...keyFile, token_uri: "http://127.0.0.1:99/token" };
    expect(wrongField(gcs(file)).message).toBe("service_account_json names a token_uri that is not Google's");
    expect(target(gcs(file), ["127.0.0.1:99"])).toMatchObject({
      service_account: { token_uri: file.token_uri },
    });
    for (const token_uri of [
      "http://oauth2.googleapis.com/token",
      "https://oauth2.googleapis.com:8443/token",
      "https://oauth2.googleapis.com.example.org/token",
    ]) {
      expect(wrongField(gcs({ ...keyFile, token_uri })).message).toContain("token_uri");
    }
  });

  it.each([
    ["no JSON", "{broken", "is neither JSON nor Base64 of JSON"],
    ["Base64 of no JSON", base64("hello"), "is neither JSON nor Base64 of JSON"],
    ["a list", "[]", "is neither JSON nor Base64 of JSON"],
    [
      "a user's key",
      { type: "authorized_user" },
      'is a key of type "authorized_user", not "service_account"',
    ],
    ["no address", { ...keyFile, client_email: undefined }, "has no valid client_email"],
    ["no key", { ...keyFile, private_key: "secret" }, "has no valid private_key"],
    ["a bad token_uri", { ...keyFile, token_uri: "nowhere" }, "has no valid token_uri"],
  ])("says that a key file with %s is wrong", (_case, file, message) => {
    const error = wrongField(gcs(file));
    expect(error).toMatchObject({
      field: "service_account_json",
      message: `service_account_json ${message}`,
    });
  });
});

describe("an OSS target", () => {
  it.each([
    ["https://oss-eu-central-1.aliyuncs.com", "eu-central-1", "https://oss-eu-central-1.aliyuncs.com"],
    [
      "https://oss-cn-beijing-internal.aliyuncs.com",
      "cn-beijing",
      "https://oss-cn-beijing-internal.aliyuncs.com",
    ],
    ["https://media.oss-cn-hongkong.aliyuncs.com/", "cn-hongkong", "https://oss-cn-hongkong.aliyuncs.com"],
    ["http://127.0.0.1:9100", "cn-hangzhou", "http://127.0.0.1:9100"],
  ])("on %s is signed for %s", (endpoint, region, unified) => {
    expect(target({ ...oss, endpoint })).toMatchObject({ region, endpoint: unified, bucket: "media" });
  });
});
