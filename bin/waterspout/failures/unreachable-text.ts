/** A failure to connect, with what to do about it. */
export interface Unreachable {
  /** What went wrong, as the end of "… cannot be reached: ". */
  readonly reason: string;
  readonly advice?: string;
}

const UNTRUSTED =
  "If the certificate is from your own authority, name that authority's file: NODE_EXTRA_CA_CERTS=ca.pem";
const IS_IT_RUNNING = "Is Waterspout running there, and is the address right?";

/** By the code of the network's error. `{host}` stands for the host name. */
const BY_CODE: Readonly<Record<string, Unreachable>> = {
  ENOTFOUND: {
    reason: 'the host name "{host}" does not exist',
    advice: "Check the address for typing errors.",
  },
  EAI_AGAIN: { reason: 'the host name "{host}" cannot be looked up now', advice: "Is this machine online?" },
  ECONNREFUSED: { reason: "nothing accepts connections there", advice: IS_IT_RUNNING },
  ECONNRESET: { reason: "the connection was closed", advice: IS_IT_RUNNING },
  UND_ERR_SOCKET: { reason: "the connection was closed", advice: IS_IT_RUNNING },
  ETIMEDOUT: { reason: "it does not answer", advice: IS_IT_RUNNING },
  UND_ERR_CONNECT_TIMEOUT: { reason: "it does not answer", advice: IS_IT_RUNNING },
  EHOSTUNREACH: { reason: "there is no route to it", advice: "Is this machine online?" },
  ENETUNREACH: { reason: "there is no network", advice: "Is this machine online?" },
  CERT_HAS_EXPIRED: { reason: "its certificate has expired" },
  CERT_NOT_YET_VALID: {
    reason: "its certificate is not valid yet",
    advice: "Is this machine's clock right?",
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: { reason: "its certificate is self-signed", advice: UNTRUSTED },
  SELF_SIGNED_CERT_IN_CHAIN: { reason: "its certificate is from an unknown authority", advice: UNTRUSTED },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
    reason: "its certificate is from an unknown authority",
    advice: UNTRUSTED,
  },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: {
    reason: "its certificate is from an unknown authority",
    advice: UNTRUSTED,
  },
  ERR_TLS_CERT_ALTNAME_INVALID: { reason: "its certificate is for another host name" },
  ERR_SSL_WRONG_VERSION_NUMBER: {
    reason: "it does not speak HTTPS",
    advice: "Does the address begin with http://?",
  },
  ERR_SSL_PACKET_LENGTH_TOO_LONG: {
    reason: "it does not speak HTTPS",
    advice: "Does the address begin with http://?",
  },
};

/**
 * Why a server cannot be reached.
 *
 * @param error what `fetch` threw, or an error that it caused
 * @param url the address that was asked
 * @returns null if the error is not one of the network that is known here
 */
export function explainUnreachable(error: unknown, url: string): Unreachable | null {
  for (const { code } of causesOf(error)) {
    const known = code === undefined ? undefined : BY_CODE[code];
    if (known) return { ...known, reason: known.reason.replace("{host}", new URL(url).hostname) };
  }
  return null;
}

/** The error and what caused it; Node hides the network's own error behind "fetch failed". */
function causesOf(error: unknown): { readonly code?: string | undefined }[] {
  if (!(error instanceof Error)) return [];
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return [error as NodeJS.ErrnoException, ...causesOf(inner)];
}
