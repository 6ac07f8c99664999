import { fromBase64, toBase64Url, utf8 } from "../../bytes.ts";

/**
 * How an upload session is named outside of the run that began it. Anyone who knows the session's address may write its
 * file without any other proof, and names of uploads are stored in clear: so the name is the address, encrypted for
 * the owner of the service account's key.
 */

const IV_BYTES = 12;
const PURPOSE = "waterspout drive session ";

/** @param path of the session, see `sessionPath` */
export async function sealSession(path: string, privateKey: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await keyOf(privateKey), utf8(path));
  return toBase64Url(new Uint8Array([...iv, ...new Uint8Array(sealed)]));
}

/** The path of the session; null for a name that another key sealed. */
export async function openSession(ref: string, privateKey: string): Promise<string | null> {
  const bytes = fromBase64(ref);
  if (bytes === null || bytes.length <= IV_BYTES) return null;
  const [iv, sealed] = [bytes.slice(0, IV_BYTES), bytes.slice(IV_BYTES)];
  try {
    const path = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await keyOf(privateKey), sealed);
    return new TextDecoder().decode(path);
  } catch {
    return null;
  }
}

async function keyOf(privateKey: string): Promise<CryptoKey> {
  const digest = await crypto.subtle.digest("SHA-256", utf8(`${PURPOSE}${privateKey}`));
  return crypto.subtle.importKey("raw", digest, "AES-GCM", false, ["encrypt", "decrypt"]);
}
