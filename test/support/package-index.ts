import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { listen } from "./ports.ts";

/** A package index as PyPI's, with pages of links whose fragments are the SHA-256 of the files. */
export interface PackageIndex {
  /** As `PIP_INDEX_URL` takes it. */
  readonly url: string;
  /** Requests so far. */
  readonly requests: readonly string[];
  /** Publishes a wheel. @param published another SHA-256 than that of the file */
  publish(file: string, bytes: Buffer, published?: string): void;
  close(): Promise<void>;
}

export async function startPackageIndex(): Promise<PackageIndex> {
  const files = new Map<string, { readonly bytes: Buffer; readonly sha256: string }>();
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    const path = request.url ?? "/";
    requests.push(path);
    const file = files.get(path.replace(/^\/files\//, ""));
    if (path.startsWith("/files/") && file) {
      response.end(file.bytes);
      return;
    }
    const name = /^\/simple\/([^/]+)\/$/.exec(path)?.[1];
    const links = [...files].filter(([known]) => normalized(known.split("-")[0] ?? "") === name);
    if (links.length === 0) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("content-type", "text/html");
    const anchors = links.map(
      ([known, { sha256 }]) => `<a href="/files/${known}#sha256=${sha256}">${known}</a>`,
    );
    response.end(`<!DOCTYPE html><html><body>${anchors.join("\n")}</body></html>`);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/simple`,
    requests,
    publish(file, bytes, published = sha256Of(bytes)) {
      files.set(file, { bytes, sha256: published });
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

const normalized = (name: string) => name.replace(/[-_.]+/g, "-").toLowerCase();
const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

const ZIP_SCRIPT = `
import os, sys, zipfile
folder, target = sys.argv[1:]
with zipfile.ZipFile(target, 'w') as archive:
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            archive.write(path, os.path.relpath(path, folder))
`;

/**
 * Makes a wheel of a folder of packages.
 *
 * @param name of the distribution, with underscores. @example "yt_dlp"
 * @returns its file name and content
 */
export function makeWheel(
  python: string,
  folder: string,
  { name, version }: { readonly name: string; readonly version: string },
): { readonly file: string; readonly bytes: Buffer } {
  const info = join(folder, `${name}-${version}.dist-info`);
  mkdirSync(info, { recursive: true });
  const extras = "Provides-Extra: default\nProvides-Extra: curl-cffi\n";
  writeFileSync(
    join(info, "METADATA"),
    `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${extras}`,
  );
  writeFileSync(
    join(info, "WHEEL"),
    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  );
  writeFileSync(join(info, "RECORD"), "");
  const file = `${name}-${version}-py3-none-any.whl`;
  const target = join(folder, "..", file);
  execFileSync(python, ["-c", ZIP_SCRIPT, folder, target]);
  return { file, bytes: readFileSync(target) };
}
