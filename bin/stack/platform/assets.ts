import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import type { NetworkHandler } from "./workers.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** Serves files of one folder to the Worker as Cloudflare does: a page is found without its `.html`. */
export function createAssets(folder: string): NetworkHandler {
  return async (request, response) => {
    const asked = normalize(`/${(request.url ?? "").split("?")[0]}`);
    const path = extname(asked) === "" ? `${asked}.html` : asked;
    const type = TYPES[extname(path)];
    const content = type === undefined ? null : await readFile(join(folder, path)).catch(() => null);
    if (type === undefined || content === null) {
      response.writeHead(404).end();
      return;
    }
    const etag = `"${createHash("sha256").update(content).digest("hex").slice(0, 32)}"`;
    const headers = { etag, "cache-control": "public, max-age=0, must-revalidate" };
    if (request.headers["if-none-match"] === etag) response.writeHead(304, headers).end();
    else {
      response.writeHead(200, { ...headers, "content-type": type, "content-length": content.length });
      response.end(content);
    }
  };
}
