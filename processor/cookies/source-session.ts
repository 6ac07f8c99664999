import { type Cookie, changedCookies } from "../../schema/cookies/cookie.ts";
import { parseNetscape, printNetscape, readableCookies } from "../../schema/cookies/netscape.ts";
import { domainsOf, isWithin } from "../../schema/cookies/site-domains.ts";
import { type JobErrorCode, SESSION_REFUSALS } from "../../schema/errors.ts";
import type { Adjustment } from "../../schema/media.ts";
import type { CookieReport, CookieUse, WireJar } from "../../schema/wire/cookies.ts";
import { SourceCookies } from "../egress/cookies.ts";
import { Fault } from "../fault.ts";
import { type CookieSource, readOperatorCookies } from "../operator-cookies.ts";

/** The cookies of one attempt: none, a jar of the vault, or the operator's setting. */
type Session =
  | { readonly kind: "none" }
  | { readonly kind: "jar"; readonly jar: WireJar; readonly given: readonly Cookie[] }
  | { readonly kind: "setting"; readonly text: string };

const NONE: Session = { kind: "none" };

/** Refusals by which a site says that a session is none. Others may be about what the session's owner may see. */
const DEAD: readonly JobErrorCode[] = ["bot_check", "login_required"];

/**
 * The sessions with which one run or probe asks its source. Usually the first one is that of an anonymous visitor; if the
 * source refuses it, the account's own cookies follow, and the operator's after them.
 */
export class SourceSession {
  /** The cookies of the run's own requests. */
  readonly cookies = new SourceCookies();
  readonly #use: CookieUse;
  readonly #config: CookieSource;
  #usedExit: string | null = null;
  #current: Session = NONE;
  /** What follows; null before the cookies were read. */
  #next: Session[] | null = null;
  #report: CookieReport | undefined;

  constructor(use: CookieUse, config: CookieSource) {
    this.#use = use;
    this.#config = config;
  }

  /** Whether the source sees a visitor without a session. Only such an extraction may be shared. */
  get isAnonymous(): boolean {
    return this.#current.kind === "none";
  }

  /** The cookies for yt-dlp, in Netscape's format; null for none. They are secret. */
  get text(): string | null {
    const session = this.#current;
    if (session.kind === "none") return null;
    return session.kind === "setting" ? session.text : printNetscape(this.#own(session.jar));
  }

  /** From now on, the source is asked through this exit. */
  useExit(name: string): void {
    this.#usedExit = name;
  }

  /** Name of the exit through which the source is asked, or to which the cookies are bound; null for any. */
  get exit(): string | null {
    if (this.#usedExit !== null) return this.#usedExit;
    return this.#current.kind === "jar" ? this.#current.jar.exit : null;
  }

  /** Takes over what yt-dlp made of the cookies. */
  learn(text: string): void {
    if (this.#current.kind !== "jar") return;
    const { site } = this.#current.jar;
    this.cookies.restart(readableCookies(text).filter(({ domain }) => isWithin(domain, domainsOf(site))));
  }

  /** Begins with the first session, which has cookies if the request demands it. */
  async begin(): Promise<void> {
    if (this.#use.mode !== "always" || this.#next !== null) return;
    this.#next = await this.#sessions();
    const [first] = this.#next.splice(0, 1);
    if (first) this.#enter(first);
  }

  /**
   * Goes on to the next session after a failure, if the source may have refused the present one.
   *
   * @returns false if there is none; then the failure stands
   */
  async advance(error: unknown): Promise<boolean> {
    if (!(error instanceof Fault) || !SESSION_REFUSALS.includes(error.code)) return false;
    if (this.#use.mode === "never") return false;
    this.#next ??= await this.#sessions();
    const [next] = this.#next.splice(0, 1);
    if (!next) return false;
    this.#settle(error);
    this.#enter(next);
    return true;
  }

  /** Ends the last session. @param error how it failed; undefined if it did not */
  end(error?: unknown): void {
    this.#settle(error);
  }

  /** The result of the jar of the vault; undefined if its cookies were not sent. */
  get report(): CookieReport | undefined {
    return this.#report;
  }

  /** What is reported about the present session. */
  get adjustments(): Adjustment[] {
    const { mode } = this.#use;
    if (this.#current.kind === "none") {
      if (mode !== "always") return [];
      const reason = "No cookies are stored for this site";
      return [{ field: "cookies", from: mode, to: "never", reason }];
    }
    if (mode === "always") return [];
    const isOwn = this.#current.kind === "jar" && this.#current.jar.owner === "account";
    const whose = isOwn ? "the account's" : "the operator's";
    const reason = `The source refused a visitor without a session, so ${whose} cookies were used`;
    return [{ field: "cookies", from: mode, to: isOwn ? "account" : "operator", reason }];
  }

  async #sessions(): Promise<Session[]> {
    const { jar } = this.#use;
    const setting = await readOperatorCookies(this.#config);
    const given = jar === null ? [] : parseNetscape(jar.text);
    const text = setting === null ? null : printNetscape(parseNetscape(setting));
    return [
      ...(jar === null ? [] : [{ kind: "jar", jar, given } as const]),
      ...(text === null ? [] : [{ kind: "setting", text } as const]),
    ];
  }

  #enter(session: Session): void {
    this.#current = session;
    this.cookies.restart(session.kind === "jar" ? session.given : []);
  }

  #settle(error: unknown): void {
    if (this.#current.kind !== "jar") return;
    const { jar, given } = this.#current;
    const result = resultOf(error);
    const changes = result === "refused" ? [] : changedCookies(given, this.#own(jar));
    const updated = changes.length === 0 ? {} : { updated: printNetscape(changes) };
    this.#report = { id: jar.id, result, ...updated };
  }

  #own({ site }: WireJar): Cookie[] {
    const domains = domainsOf(site);
    return this.cookies.all().filter(({ domain }) => isWithin(domain, domains));
  }
}

function resultOf(error: unknown): CookieReport["result"] {
  if (error === undefined) return "accepted";
  return error instanceof Fault && DEAD.includes(error.code) ? "refused" : "undecided";
}
