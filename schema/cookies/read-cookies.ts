import { parseBrowserJson } from "./browser-json.ts";
import { type Cookie, CookieFormatError, withoutExpired } from "./cookie.ts";
import { parseNetscape } from "./netscape.ts";
import { domainsOf, isWithin } from "./site-domains.ts";

/** More than any browser stores for one site. */
const MAX_COOKIES = 400;
/** Longest name and value together, in characters; browsers allow 4,096. */
const MAX_LENGTH = 8_192;

/** The cookies of a site, and what else the export contained. */
export interface SiteCookies {
  readonly cookies: readonly Cookie[];
  /** Number of cookies that belong to other sites. */
  readonly foreign: number;
  /** Number of cookies that have expired. */
  readonly expired: number;
}

/**
 * Reads an export of cookies and keeps those of one site.
 *
 * @param sent Netscape text, JSON text, or parsed JSON
 * @param now epoch milliseconds
 * @throws CookieFormatError if it cannot be read or nothing usable is in it
 */
export function readCookies(sent: unknown, site: string, now: number): SiteCookies {
  const all = cookiesOf(sent);
  if (all.length === 0) throw new CookieFormatError("contain no cookie; export them while you are signed in");
  const domains = domainsOf(site);
  const own = all.filter(({ domain }) => isWithin(domain, domains));
  if (own.length === 0) {
    throw new CookieFormatError(
      `contain none for ${site}, but ${countOf(all.length)} for ${domainList(all)}; open ${site} in the browser and export again`,
    );
  }
  const cookies = withoutExpired(own, now);
  if (cookies.length === 0) {
    throw new CookieFormatError(`for ${site} have all expired; sign in there and export them again`);
  }
  if (cookies.length > MAX_COOKIES) {
    throw new CookieFormatError(
      `for ${site} are too many: ${cookies.length} instead of at most ${MAX_COOKIES}`,
    );
  }
  for (const cookie of cookies) requireSendable(cookie);
  return { cookies, foreign: all.length - own.length, expired: own.length - cookies.length };
}

function cookiesOf(sent: unknown): Cookie[] {
  if (typeof sent !== "string") return parseBrowserJson(sent);
  const text = sent.trim();
  if (!/^[[{]/.test(text)) {
    if (text !== "" && !text.includes("\t") && /^[^\s=;]+=/.test(text)) {
      throw new CookieFormatError(
        "must be an export of the browser, not a Cookie header, which does not say which hosts the cookies are for",
      );
    }
    return parseNetscape(text);
  }
  try {
    return parseBrowserJson(JSON.parse(text));
  } catch (error) {
    if (error instanceof CookieFormatError) throw error;
    throw new CookieFormatError("look like JSON but cannot be parsed; export them again");
  }
}

const countOf = (count: number): string => (count === 1 ? "one" : `${count}`);

const MAX_NAMED = 3;

function domainList(cookies: readonly Cookie[]): string {
  const domains = [...new Set(cookies.map(({ domain }) => domain))];
  const named = domains.slice(0, MAX_NAMED).join(", ");
  return domains.length > MAX_NAMED ? `${named} and others` : named;
}

/** Characters that end a cookie in a header or a line in a file. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
const FORBIDDEN = /[\u0000-\u001f\u007f;]/;

function requireSendable({ domain, path, name, value }: Cookie): void {
  const shown = /^[\w.-]{1,100}$/.test(name) ? name : "one of them";
  if (FORBIDDEN.test(name + value + path) || /[\s=]/.test(name)) {
    throw new CookieFormatError(`are damaged: ${shown} contains a character that no cookie may have`);
  }
  if (name.length + value.length > MAX_LENGTH) {
    throw new CookieFormatError(`are damaged: ${shown} is longer than ${MAX_LENGTH} characters`);
  }
  if (!domain.includes(".") && domain !== "localhost") {
    throw new CookieFormatError(`are damaged: ${shown} is for every host below .${domain}`);
  }
}
