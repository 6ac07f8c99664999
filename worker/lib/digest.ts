import { fromBase64, hmacSha256, toBase64Url, utf8 } from "../../schema/bytes.ts";

const HMAC = { name: "HMAC", hash: "SHA-256" };

/** HMAC-SHA256 as base64url without padding. */
export async function hmacSign(secret: string, message: string): Promise<string> {
  return toBase64Url(await hmacSha256(secret, message));
}

/** Compares a signature of {@link hmacSign} in constant time. */
export async function hmacVerify(secret: string, message: string, signature: string): Promise<boolean> {
  if (!/^[\w-]{43}$/.test(signature)) return false;
  const key = await crypto.subtle.importKey("raw", utf8(secret), HMAC, false, ["verify"]);
  return crypto.subtle.verify("HMAC", key, fromBase64(signature) ?? new Uint8Array(), utf8(message));
}

/** Compares two secrets without revealing by timing where they differ. */
export async function sameSecret(given: string, expected: string): Promise<boolean> {
  const key = crypto.randomUUID();
  return hmacVerify(key, given, await hmacSign(key, expected));
}
