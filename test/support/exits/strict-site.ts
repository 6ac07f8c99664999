import { randomUUID } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "../ports.ts";

/** What a strict site does to an address. */
export interface SiteRules {
  /** Addresses that it takes for robots. */
  readonly burnt?: readonly string[];
  /** Pages per minute that it allows each address. */
  readonly pagesPerMinute?: number;
  /** Pages per minute that it allows each login. */
  readonly pagesPerLogin?: number;
  /** Countries of addresses. */
  readonly countries?: Readonly<Record<string, string>>;
}

/** What a site saw of one address. */
export interface Seen {
  pages: number;
  refused: number;
  /** Of media. */
  bytes: number;
}

/**
 * A site that looks at who asks. Pages: `/watch/<n>` (its media needs the page's session, from the same address),
 * `/open/<n>` (its media lies at another host, which serves everybody), `/only/<country>/<n>`, `/members/<n>` (for
 * visitors with the cookie of `memberCookie`, from the address of its login). It bans addresses by rule and counts what it
 * sees.
 */
export interface StrictSite {
  readonly url: string;
  /** `host:port` of the site and of the host of its open media. */
  readonly hosts: readonly string[];
  readonly seen: ReadonlyMap<string, Seen>;
  /** Requests that brought a session to another address than its own, or to a host that it does not belong to. */
  readonly strays: readonly string[];
  rules: SiteRules;
  /** Signs in from an address. @returns the name and value of the cookie, which ends when another address sends it */
  memberCookie(address: string): string;
  close(): Promise<void>;
}

interface Session {
  readonly address: string;
}

const MINUTE_MS = 60_000;

/** @param media what every page offers, an mp4 */
export async function startStrictSite(media: Buffer, rules: SiteRules): Promise<StrictSite> {
  const seen = new Map<string, Seen>();
  const strays: string[] = [];
  const sessions = new Map<string, Session>();
  const members = new Map<string, string>();
  const recent = new Map<string, number[]>();
  const noteOf = (address: string): Seen => {
    const note = seen.get(address) ?? { pages: 0, refused: 0, bytes: 0 };
    seen.set(address, note);
    return note;
  };

  const site = http.createServer((request, response) => {
    const address = request.socket.remoteAddress ?? "";
    const { pathname } = new URL(request.url ?? "/", "http://site");
    const session = cookieOf(request, "session");
    const known = session === null ? undefined : sessions.get(session);
    if (known && known.address !== address) strays.push(`${pathname} ${known.address} from ${address}`);
    if (pathname.startsWith("/media/")) {
      if (!known || known.address !== address) {
        refuse(response, 403);
        return;
      }
      noteOf(address).bytes += sendMedia(request, response);
      return;
    }
    onPage(pathname, address, response, loginOf(request));
  });

  /** The cookie of a visitor's login; null without one, or with one that was taken to another address. */
  function loginOf(request: IncomingMessage): string | null {
    const token = cookieOf(request, "member");
    const address = request.socket.remoteAddress ?? "";
    if (token === null || members.get(token) === address) return token;
    strays.push(`the login of ${members.get(token)} from ${address}`);
    members.delete(token);
    return null;
  }

  function onPage(pathname: string, address: string, response: ServerResponse, login: string | null): void {
    const note = noteOf(address);
    note.pages += 1;
    const verdict = judge(pathname, address) ?? judgeLogin(pathname, login);
    if (verdict !== null) {
      note.refused += 1;
      refuse(response, verdict);
      return;
    }
    const id = randomUUID();
    sessions.set(id, { address });
    const isOpen = pathname.startsWith("/open/");
    const file = isOpen ? `http://${cdnHost}/file${pathname}.mp4` : `/media${pathname}.mp4`;
    response.writeHead(200, {
      "content-type": "text/html",
      // the media of an open page belongs to nobody
      ...(isOpen ? {} : { "set-cookie": `session=${id}; Path=/` }),
    });
    response.end(
      `<!doctype html><title>Film ${pathname}</title><video src="${file}" type="video/mp4"></video>`,
    );
  }

  /** Null if the address gets the page. */
  function judge(pathname: string, address: string): number | null {
    const { burnt = [], pagesPerMinute, countries = {} } = strictSite.rules;
    if (burnt.includes(address)) return 403;
    if (isTooOften(address, pagesPerMinute)) return 429;
    const country = /^\/only\/([A-Z]{2})\//.exec(pathname)?.[1];
    return country !== undefined && countries[address] !== country ? 451 : null;
  }

  function judgeLogin(pathname: string, login: string | null): number | null {
    if (!pathname.startsWith("/members/")) return null;
    if (login === null) return 401;
    return isTooOften(login, strictSite.rules.pagesPerLogin) ? 429 : null;
  }

  function isTooOften(visitor: string, most = Number.POSITIVE_INFINITY): boolean {
    const now = Date.now();
    const pages = (recent.get(visitor) ?? []).filter((at) => at > now - MINUTE_MS);
    recent.set(visitor, [...pages, now]);
    return pages.length >= most;
  }

  const cdn = http.createServer((request, response) => {
    const address = request.socket.remoteAddress ?? "";
    if (request.headers.cookie !== undefined) strays.push(`${request.url} at the host of open media`);
    noteOf(address).bytes += sendMedia(request, response);
  });

  function sendMedia(request: IncomingMessage, response: ServerResponse): number {
    const [, first = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const isRange = request.headers.range !== undefined;
    const start = Number(first);
    const end = Math.min(last === "" ? media.length - 1 : Number(last), media.length - 1);
    if (start > end) {
      response.writeHead(416, { "content-range": `bytes */${media.length}` }).end();
      return 0;
    }
    response.writeHead(isRange ? 206 : 200, {
      "content-type": "video/mp4",
      "accept-ranges": "bytes",
      "content-length": end - start + 1,
      ...(isRange ? { "content-range": `bytes ${start}-${end}/${media.length}` } : {}),
    });
    if (request.method === "HEAD") response.end();
    else response.end(media.subarray(start, end + 1));
    return request.method === "HEAD" ? 0 : end - start + 1;
  }

  const [port, cdnPort] = await Promise.all([listen(site), listen(cdn)]);
  const host = `127.0.0.1:${port}`;
  const cdnHost = `127.0.0.1:${cdnPort}`;
  const strictSite: StrictSite = {
    url: `http://${host}`,
    hosts: [host, cdnHost],
    ...{ seen, strays, rules },
    memberCookie(address) {
      const token = randomUUID();
      members.set(token, address);
      return `member=${token}`;
    },
    async close() {
      for (const server of [site, cdn]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
  return strictSite;
}

/** The value of a visitor's cookie. */
const cookieOf = ({ headers }: IncomingMessage, name: string): string | null =>
  (headers.cookie ?? "")
    .split(/;\s*/)
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1) ?? null;

function refuse(response: ServerResponse, status: number): void {
  // how a well-known protection says that it wants to see a browser
  const challenge = status === 403 ? { server: "cloudflare", "cf-mitigated": "challenge" } : {};
  response.writeHead(status, { "content-type": "text/html", ...challenge });
  response.end("<!doctype html><title>Refused</title>");
}
