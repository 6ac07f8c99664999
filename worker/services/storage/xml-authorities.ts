import { AwsV4Signer } from "aws4fetch";
import { addressOf, objectUrl, type TargetOf } from "../../../schema/storage/address.ts";
import { GcsSignature } from "../../../schema/storage/signing/gcs-signature.ts";
import { OssSignature } from "../../../schema/storage/signing/oss-signature.ts";
import { S3Signature } from "../../../schema/storage/signing/s3-signature.ts";
import { type StorageNetwork, StorageRefusedError, sendToStorage } from "./http.ts";
import { LINK_SECONDS } from "./store.ts";
import type { XmlAuthority } from "./xml-store.ts";

/** S3's Signature Version 4. */
export function s3Authority(target: TargetOf<"s3">, { clock }: StorageNetwork): XmlAuthority {
  const { region, access_key: accessKeyId, secret_key: secretAccessKey } = target;
  const credentials = { region, accessKeyId, secretAccessKey, sessionToken: target.session_token };
  const signature = new S3Signature(AwsV4Signer, credentials, clock);
  return {
    authorize: (request) => signature.sign(request),
    signedLink: (key) => signature.presign(objectUrl(addressOf(target), key), LINK_SECONDS),
  };
}

/** OSS's Signature Version 4. */
export function ossAuthority(target: TargetOf<"oss">, { clock }: StorageNetwork): XmlAuthority {
  const { region, access_key_id: accessKeyId, access_key_secret: accessKeySecret } = target;
  const credentials = { region, accessKeyId, accessKeySecret, sessionToken: target.session_token };
  const signature = new OssSignature(addressOf(target), credentials, clock);
  return {
    authorize: (request) => signature.sign(request),
    signedLink: (key) => signature.presign(key, LINK_SECONDS),
  };
}

/** Access tokens of one Google service account. One token serves all requests of a store. */
export function gcsAuthority(target: TargetOf<"gcs">, network: StorageNetwork): XmlAuthority {
  const { client_email: clientEmail, private_key: privateKey, token_uri } = target.service_account;
  const signature = new GcsSignature({ clientEmail, privateKey }, network.clock);
  let token: Promise<string> | undefined;
  return {
    async authorize({ headers }) {
      token ??= fetchToken(signature, token_uri, network);
      return { ...headers, authorization: `Bearer ${await token}` };
    },
    signedLink: (key) => signature.presign(objectUrl(addressOf(target), key), LINK_SECONDS),
  };
}

async function fetchToken(signature: GcsSignature, url: string, network: StorageNetwork): Promise<string> {
  const { text } = await sendToStorage(network, {
    method: "POST",
    url,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: await signature.tokenRequest(),
  });
  const token = /"access_token"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  if (!token) throw new StorageRefusedError(200, "invalid_token");
  return token;
}
