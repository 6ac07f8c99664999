import { fromBase64, hmacSha256, toBase64, toHex } from "../../lib/bytes.ts";

/** Every signing secret begins with this. */
export const SECRET_PREFIX = "whsec_";
const SECRET_BYTES = 24;

/** A new signing secret. @example "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" */
export const makeWebhookSecret = (random: (length: number) => Uint8Array): string =>
  SECRET_PREFIX + toBase64(random(SECRET_BYTES));

/** What is signed: exactly the bytes that are sent. */
export interface SignedMessage {
  readonly id: string;
  /** Unix seconds of this try. */
  readonly timestamp: number;
  readonly body: string;
}

/**
 * The headers that authenticate a webhook event: Standard Webhooks with a signature by every secret, and
 * `X-Tornado-Signature` with the newest.
 *
 * @param secrets the newest first
 */
export async function signatureHeaders(
  { id, timestamp, body }: SignedMessage,
  secrets: readonly string[],
): Promise<Record<string, string>> {
  const [newest = ""] = secrets;
  const standard = await Promise.all(
    secrets.map(
      async (secret) => `v1,${toBase64(await hmacSha256(keyOf(secret), `${id}.${timestamp}.${body}`))}`,
    ),
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": standard.join(" "),
    // here the whole text of the secret is the key, including its prefix
    "x-tornado-signature": `t=${timestamp},v1=${toHex(await hmacSha256(newest, `${timestamp}.${body}`))}`,
  };
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  const key = fromBase64(secret.slice(SECRET_PREFIX.length));
  if (!key) throw new Error("a webhook secret is not Base64");
  return key;
}
