/** Services and resource types that an account or container token must include to write into a container. */
const CONTAINER = "c";

/**
 * What is wrong with a shared access signature, judged by its own parameters; null if it permits writing now.
 *
 * @param token without a leading `?`
 * @param now epoch milliseconds
 * @example judgeSharedAccess("sv=2021-12-02&sr=c&sp=r&se=2099-01-01&sig=…", now)
 *   // "the SAS token does not permit writing: …"
 */
export function judgeSharedAccess(token: string, now: number): string | null {
  const words = new URLSearchParams(token);
  const [starts, expires] = [timeOf(words.get("st")), timeOf(words.get("se"))];
  if (!words.has("sv")) return "MalformedSAS: the SAS token has no version (sv); copy the whole token";
  if (Number.isNaN(starts)) return "MalformedSAS: the start (st) of the SAS token is not a time";
  if (Number.isNaN(expires)) return "MalformedSAS: the expiry (se) of the SAS token is not a time";
  if (expires !== null && expires <= now) {
    return `ExpiredSAS: the SAS token expired at ${new Date(expires).toISOString()}; make a new one`;
  }
  if (starts !== null && starts > now) {
    return `NotYetValidSAS: the SAS token is valid from ${new Date(starts).toISOString()} only`;
  }
  const permissions = words.get("sp");
  // a token without permissions refers to a stored access policy, which only the service knows
  if (permissions !== null && !/[cw]/.test(permissions)) {
    return "AccessDenied: the SAS token does not permit writing; make one with the permissions create and write";
  }
  const resource = words.get("sr");
  if (resource !== null && resource !== CONTAINER && resource !== "d") {
    return "MalformedSAS: the SAS token is for a single blob; make one for the container";
  }
  return null;
}

/** Null if the parameter is absent, NaN if it is not a valid time. */
const timeOf = (text: string | null): number | null => (text === null ? null : Date.parse(text));
