import { type Cookie, CookieFormatError } from "./cookie.ts";

/**
 * Cookies in the format of Netscape's browser, `cookies.txt`: lines of domain, whether subdomains get it, path, whether
 * it needs https, expiry in epoch seconds (0: the session), name and value, with tabs between them.
 */

const FIELDS = 7;
/** Lines with this prefix are cookies all the same. */
const HTTP_ONLY = "#HttpOnly_";

export const isCookieLine = (line: string): boolean =>
  line.trim() !== "" && (!line.startsWith("#") || line.startsWith(HTTP_ONLY));

/** The fields of a line; null if it is not a cookie. An empty value at the end may have been trimmed away. */
export function cookieFields(line: string): string[] | null {
  const fields = line.split("\t");
  const whole = fields.length === FIELDS - 1 ? [...fields, ""] : fields;
  return whole.length === FIELDS ? whole : null;
}

/** @throws CookieFormatError that names the first line that is not a cookie */
export function parseNetscape(text: string): Cookie[] {
  return text
    .split(/\r?\n/)
    .flatMap((line, index) => (isCookieLine(line) ? [cookieOfLine(line, index + 1)] : []));
}

/** The cookies of the lines that are some, in a text that a site may have influenced. */
export function readableCookies(text: string): Cookie[] {
  return text.split("\n").flatMap((line, index) => {
    try {
      return isCookieLine(line) ? [cookieOfLine(line, index + 1)] : [];
    } catch (error) {
      if (error instanceof CookieFormatError) return [];
      throw error;
    }
  });
}

function cookieOfLine(line: string, number: number): Cookie {
  const fields = cookieFields(line.startsWith(HTTP_ONLY) ? line.slice(HTTP_ONLY.length) : line);
  if (fields === null) {
    throw new CookieFormatError(
      `are not readable: line ${number} is not a cookie of ${FIELDS} fields with tabs between them; export them again as cookies.txt (Netscape format) or JSON`,
    );
  }
  const [domain = "", subdomains, path = "", secure, expires = "", name = "", value = ""] = fields;
  const until = Number(expires);
  if (domain === "" || !Number.isFinite(until)) {
    throw new CookieFormatError(
      `are not readable: line ${number} has no domain, or an expiry that is not a number`,
    );
  }
  return {
    domain: domain.replace(/^\./, "").toLowerCase(),
    hostOnly: !domain.startsWith(".") && !isTrue(subdomains),
    path: path || "/",
    secure: isTrue(secure),
    expires: until > 0 ? Math.floor(until) : null,
    name,
    value,
  };
}

const isTrue = (field: string | undefined): boolean => field?.toUpperCase() === "TRUE";

const BREAKS_LINE = /[\t\r\n]/;

/** The text of a file with these cookies, as yt-dlp reads it; without those that the format cannot express. */
export function printNetscape(cookies: readonly Cookie[]): string {
  const printable = cookies.filter(({ path, name, value }) => !BREAKS_LINE.test(path + name + value));
  const lines = printable.map(({ domain, hostOnly, path, secure, expires, name, value }) =>
    [
      hostOnly ? domain : `.${domain}`,
      ...[hostOnly ? "FALSE" : "TRUE", path, secure ? "TRUE" : "FALSE"],
      ...[`${expires ?? 0}`, name, value],
    ].join("\t"),
  );
  return `${["# Netscape HTTP Cookie File", ...lines].join("\n")}\n`;
}
