import { sha256Hex } from "../../../schema/bytes.ts";
import type { RequestContext } from "../../context.ts";

/** Secret members of `storage`: they do not distinguish requests and leave no trace. */
const SECRETS = [
  "access_key",
  "secret_key",
  "account_key",
  "sas_token",
  "service_account_json",
  "access_key_id",
  "access_key_secret",
  "session_token",
];

/**
 * Identifies what a body asks for, independent of the order of its members. It is a keyed tag, so that the password in
 * a URL cannot be guessed by trying.
 */
export const fingerprintOf = ({ sealer }: Pick<RequestContext, "sealer">, body: unknown): Promise<string> =>
  sealer.tag(textOf(body));

/** True if the fingerprint belongs to this body, whichever key or former version created it. */
export async function isFingerprintOf(
  { sealer }: Pick<RequestContext, "sealer">,
  fingerprint: string,
  body: unknown,
): Promise<boolean> {
  if (fingerprint.includes(".")) return sealer.isTagOf(fingerprint, textOf(body));
  return (await sha256Hex(textOf(body))) === fingerprint;
}

const textOf = (body: unknown): string => JSON.stringify(canonical(body));

function canonical(value: unknown, inStorage = false): unknown {
  if (Array.isArray(value)) return value.map((member) => canonical(member));
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .filter(([name]) => !(inStorage && SECRETS.includes(name)))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => [name, canonical(member, name === "storage")]);
}
