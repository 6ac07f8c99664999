import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http, { type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { writePrivateFile } from "../private-file.ts";

/** How to reach the controls of a running platform. */
interface ControlFacts {
  readonly url: string;
  readonly token: string;
}

/**
 * Opens the controls on a separate loopback port; only a user who can read `file` can use them.
 *
 * @param runScheduled runs the scheduled work
 */
export async function openControl(file: string, runScheduled: () => Promise<void>): Promise<Server> {
  const token = randomBytes(24).toString("base64url");
  const server = http.createServer((request, response) => {
    const isAllowed = isEqual(request.headers.authorization ?? "", `Bearer ${token}`);
    const isKnown = request.method === "POST" && request.url === "/scheduled";
    if (!isAllowed || !isKnown) {
      response.writeHead(isAllowed ? 404 : 401).end();
      return;
    }
    runScheduled().then(
      () => response.writeHead(204).end(),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writePrivateFile(file, JSON.stringify({ url, token } satisfies ControlFacts));
  return server;
}

/**
 * Runs the Worker's scheduled work now, and waits until it is done.
 *
 * @throws Error if it failed or the platform is not running
 */
export async function runScheduled(file: string, signal?: AbortSignal): Promise<void> {
  const { url, token } = JSON.parse(readFileSync(file, "utf8")) as ControlFacts;
  const response = await fetch(`${url}/scheduled`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    ...(signal ? { signal } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text || `the platform answered ${response.status}`);
}

function isEqual(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
