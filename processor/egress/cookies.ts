import { CookieJar, Cookie as ToughCookie } from "tough-cookie";
import type { Cookie } from "../../schema/cookies/cookie.ts";

/** Limits for one run, so that a source cannot fill the processor's memory with cookies. */
const MAX_COOKIES = 500;
const MAX_COOKIE_LENGTH = 8_192;

/**
 * The cookies of one run, by the rules of RFC 6265 and the public suffix list: a cookie for a whole domain goes to all
 * hosts of that domain, and to no other site.
 */
export class SourceCookies {
  #jar = emptyJar();
  /** Cookies so far, by host and name: one that is set again counts once. */
  readonly #seen = new Set<string>();

  /**
   * Stores cookies of a response or an extraction; those that break the rules are ignored.
   *
   * @param lines values of `Set-Cookie`
   * @param url of the response that sets them
   */
  accept(lines: readonly string[], url: string): void {
    for (const line of lines) {
      if (line.length > MAX_COOKIE_LENGTH || !this.#hasRoom(`${new URL(url).hostname} ${nameOf(line)}`))
        continue;
      this.#jar.setCookieSync(line, url, { ignoreError: true });
    }
  }

  /** Replaces all cookies by these. */
  restart(cookies: readonly Cookie[]): void {
    this.#jar = emptyJar();
    this.#seen.clear();
    for (const cookie of cookies) {
      if (!this.#hasRoom(`${cookie.domain} ${cookie.name}`)) continue;
      this.#jar.setCookieSync(toughCookie(cookie), `https://${cookie.domain}${cookie.path}`, {
        ignoreError: true,
      });
    }
  }

  /** No response and no extraction has set any, and none were given. */
  get isEmpty(): boolean {
    return this.#seen.size === 0;
  }

  /** All cookies that have not expired. */
  all(): Cookie[] {
    const stored = this.#jar.serializeSync()?.cookies ?? [];
    return stored.flatMap((serialized) => {
      const cookie = ToughCookie.fromJSON(serialized);
      const isExpired =
        cookie === undefined || (cookie.expiryTime() ?? Number.POSITIVE_INFINITY) <= Date.now();
      return cookie?.domain && !isExpired ? [fromTough(cookie, cookie.domain)] : [];
    });
  }

  /**
   * The `Cookie` header for a request; undefined for none. A cookie that was set in the meantime replaces the one of
   * that name in `given`.
   *
   * @param given the header that the caller sends
   */
  headerFor(url: string, given: string | undefined): string | undefined {
    if (this.#seen.size === 0) return given;
    const kept = this.#jar.getCookieStringSync(url);
    if (given === undefined || kept === "") return given ?? (kept === "" ? undefined : kept);
    const replaced = new Set(kept.split("; ").map(nameOf));
    const others = given.split(/;\s*/).filter((pair) => pair !== "" && !replaced.has(nameOf(pair)));
    return [...others, kept].join("; ");
  }

  #hasRoom(key: string): boolean {
    if (this.#seen.size >= MAX_COOKIES && !this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

const emptyJar = (): CookieJar => new CookieJar(undefined, { looseMode: true, rejectPublicSuffixes: true });

const nameOf = (pair: string): string => pair.slice(0, pair.indexOf("=") + 1 || pair.length).trim();

const toughCookie = ({ domain, hostOnly, path, secure, expires, name, value }: Cookie): ToughCookie =>
  new ToughCookie({
    ...{ key: name, value, path, secure },
    ...(hostOnly ? {} : { domain }),
    ...(expires === null ? {} : { expires: new Date(expires * 1000) }),
  });

function fromTough(cookie: ToughCookie, domain: string): Cookie {
  const until = cookie.expiryTime();
  return {
    domain,
    hostOnly: cookie.hostOnly ?? false,
    path: cookie.path ?? "/",
    secure: cookie.secure,
    expires: until === undefined || !Number.isFinite(until) ? null : Math.floor(until / 1000),
    name: cookie.key,
    value: cookie.value,
  };
}
