import { readFile } from "node:fs/promises";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { listen } from "./ports.ts";

/** What the site answers to visitors without a session. */
export const BOT_CHECK = "Sign in to confirm you're not a bot";

/** One request, at the site or at the host of its media. */
export interface Visit {
  readonly at: "site" | "elsewhere";
  readonly path: string;
  readonly cookie: string;
}

/**
 * A site that refuses visitors without a session, gives a session a new cookie with each page, and redirects to another
 * host for its media. It counts who gets which cookies.
 */
export interface SessionSite {
  /** `http://127.0.0.1:port`; the pages are `/watch`, `/watch-hls` and, for everybody, `/open`. */
  readonly url: string;
  /** For `ALLOWED_PRIVATE_HOSTS`. */
  readonly hosts: readonly string[];
  readonly visits: readonly Visit[];
  /** Value of the only cookie that is accepted, `sid`. */
  readonly session: string;
  /** A jar with the present session, as `cookies.txt`, and a cookie of another site. */
  jar(): string;
  /** From now on no cookie is accepted. */
  expire(): void;
  /** Accepts the present session again. */
  revive(): void;
  /** Holds back media until the returned function is called. */
  hold(): () => void;
  /** Requests at hosts that must not get the session. */
  strays(): readonly Visit[];
  close(): Promise<void>;
}

/**
 * @param root folder with `direct.mp4` and `hls/`
 * @param secret the beginning of all values of the session's cookie
 */
export async function startSessionSite(root: string, secret: string): Promise<SessionSite> {
  const visits: Visit[] = [];
  let number = 1;
  let isAlive = true;
  let held = Promise.resolve();
  const sid = () => `${secret}-${number}`;

  const elsewhere = http.createServer(async (request, response) => {
    visits.push({ at: "elsewhere", path: request.url ?? "", cookie: request.headers.cookie ?? "" });
    await held;
    await sendFile(request, response, join(root, request.url ?? ""));
  });
  const site = http.createServer(async (request, response) => {
    const path = request.url ?? "";
    const cookie = request.headers.cookie ?? "";
    visits.push({ at: "site", path, cookie });
    const isMember = isAlive && cookie.split("; ").includes(`sid=${sid()}`);
    if (path !== "/open" && !isMember) return response.writeHead(403, BOT_CHECK).end();
    switch (path) {
      case "/open":
        return page(response, `${urls.elsewhere}/direct.mp4`);
      case "/watch":
        response.setHeader("set-cookie", [
          `sid=${secret}-${++number}; Max-Age=86400; Path=/`,
          "seen=1; Path=/",
        ]);
        return page(response, `${urls.site}/media.mp4`);
      case "/watch-hls":
        return page(response, `${urls.site}/hls/index.m3u8`);
      case "/media.mp4":
        return response.writeHead(302, { location: `${urls.elsewhere}/direct.mp4` }).end();
      default: {
        const playlist = await readFile(join(root, path), "utf8");
        const whole = playlist.replaceAll(/^[^#\n].*$/gm, (name) => `${urls.elsewhere}/hls/${name}`);
        return response.writeHead(200, { "content-type": "application/vnd.apple.mpegurl" }).end(whole);
      }
    }
  });
  const port = await listen(site);
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.2", resolve));
  const address = elsewhere.address();
  const other = `127.0.0.2:${typeof address === "object" && address ? address.port : 0}`;
  const urls = { site: `http://127.0.0.1:${port}`, elsewhere: `http://${other}` };

  return {
    url: urls.site,
    hosts: [`127.0.0.1:${port}`, other],
    visits,
    get session() {
      return sid();
    },
    jar: () =>
      `# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsid\t${sid()}\n` +
      `.example.com\tTRUE\t/\tFALSE\t4102444800\tother\t${secret}-foreign\n`,
    expire: () => {
      isAlive = false;
    },
    revive: () => {
      isAlive = true;
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    strays: () => visits.filter(({ at, cookie }) => at === "elsewhere" && cookie !== ""),
    close: async () => {
      for (const server of [site, elsewhere]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

function page(response: ServerResponse, media: string): void {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(`<!doctype html>
<html><head><title>Members</title><meta property="og:title" content="For members">
<meta property="og:video" content="${media}"></head></html>`);
}

async function sendFile(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const body = await readFile(path);
  const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const end = to === "" ? body.length : Math.min(body.length, Number(to) + 1);
  const part = body.subarray(Number(from), end);
  response
    .writeHead(request.headers.range ? 206 : 200, {
      "content-type": path.endsWith(".mp4") ? "video/mp4" : "video/mp2t",
      "content-length": part.length,
      "accept-ranges": "bytes",
      "content-range": `bytes ${from}-${end - 1}/${body.length}`,
    })
    .end(request.method === "HEAD" ? undefined : part);
}
