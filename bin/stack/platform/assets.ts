import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NetworkHandler } from "./workers.ts";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  png: "image/png",
};

/** Serves files of one folder to the Worker, which asks only for those that it lists. */
export function createAssets(folder: string): NetworkHandler {
  return async (request, response) => {
    const [, name = "", ending = ""] = /^\/([\w-][\w.-]*\.(\w+))$/.exec(request.url ?? "") ?? [];
    const type = TYPES[ending];
    const content = type === undefined ? null : await readFile(join(folder, name)).catch(() => null);
    if (content === null) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": type, "content-length": content.length }).end(content);
  };
}
