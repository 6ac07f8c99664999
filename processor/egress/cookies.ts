import { CookieJar } from "tough-cookie";

/** Limits for one run, so that a source cannot fill the processor's memory with cookies. */
const MAX_COOKIES = 500;
const MAX_COOKIE_LENGTH = 8_192;

/**
 * The cookies of one run, by the rules of RFC 6265 and the public suffix list: a cookie for a whole domain goes to all
 * hosts of that domain, and to no other site.
 */
export class SourceCookies {
  readonly #jar = new CookieJar(undefined, { looseMode: true, rejectPublicSuffixes: true });
  #count = 0;

  /**
   * Stores cookies of a response or an extraction; those that break the rules are ignored.
   *
   * @param lines values of `Set-Cookie`
   * @param url of the response that sets them
   */
  accept(lines: readonly string[], url: string): void {
    for (const line of lines) {
      if (line.length > MAX_COOKIE_LENGTH || ++this.#count > MAX_COOKIES) continue;
      this.#jar.setCookieSync(line, url, { ignoreError: true });
    }
  }

  /**
   * The `Cookie` header for a request; undefined for none. A cookie that was set in the meantime replaces the one of
   * that name in `given`.
   *
   * @param given the header that the caller sends
   */
  headerFor(url: string, given: string | undefined): string | undefined {
    if (this.#count === 0) return given;
    const kept = this.#jar.getCookieStringSync(url);
    if (given === undefined || kept === "") return given ?? (kept === "" ? undefined : kept);
    const replaced = new Set(kept.split("; ").map(nameOf));
    const others = given.split(/;\s*/).filter((pair) => pair !== "" && !replaced.has(nameOf(pair)));
    return [...others, kept].join("; ");
  }
}

const nameOf = (pair: string): string => pair.slice(0, pair.indexOf("=") + 1 || pair.length).trim();
