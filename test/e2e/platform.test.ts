import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { memoryOf } from "../../bin/bench/servers/stack-processes.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/** What the embedded platform exposes to the network and to other users of the machine. */

let origin: Origin;
let stack: TestStack;
let linkOfFile: string;

beforeAll(async () => {
  const file = readFileSync(await media("mp4", { seconds: 2, width: 320, height: 180 }));
  origin = await startOrigin({ bodies: { "/talk.mp4": file } });
  stack = await startTestStack({ env: { ALLOWED_PRIVATE_HOSTS: origin.host } });
  const job = await stack.end(await stack.create({ url: `${origin.url}/talk.mp4` }));
  expect(job.status).toBe("Completed");
  linkOfFile = String(job.s3_url);
}, 120_000);

afterAll(async () => {
  await stack?.stop();
  await origin?.close();
});

it.each([
  "/cdn-cgi/explorer",
  "/cdn-cgi/explorer/api/d1/database",
  "/cdn-cgi/local/explorer",
  "/cdn-cgi/local/explorer/api/d1/database",
  "/cdn-cgi/local/scheduled",
  "/cdn-cgi/handler/scheduled",
  "/cdn-cgi/local/email",
  "/cdn-cgi/local/platform-proxy",
  "/cdn-cgi/local/r2/public/waterspout/videos/talk.mp4",
  "/cdn-cgi/mf/scheduled",
  "/cdn-cgi/local/r2/s3",
  "/__cf_local/stream",
  "/__scheduled",
])("serves nothing at %s", async (path) => {
  const headers = {
    "mf-original-url": "http://127.0.0.1/cdn-cgi/local/scheduled",
    "mf-route-override": "storage",
  };
  for (const method of ["GET", "POST"]) {
    const response = await fetch(stack.url + path, { method, headers });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not_found" });
  }
});

it("keeps no memory for requests that have ended", { timeout: 240_000 }, async () => {
  const REQUESTS = 1_000;
  const AT_ONCE = 16;
  const resident = async (): Promise<number> => {
    let left = REQUESTS;
    const client = async () => {
      while (left-- > 0) await stack.call("GET", "/jobs?limit=1");
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    return memoryOf(stack.stateDir).workerd ?? 0;
  };
  // the first requests fill caches
  const before = await resident();
  const kept = (await resident()) - before;
  // without a limit, workerd keeps 60 to 90 KB of each
  expect(kept / REQUESTS).toBeLessThan(40_000);
});

it("obeys no control headers and no CONNECT", async () => {
  const response = await fetch(`${stack.url}/healthz`, { headers: { "mf-cf-blob": "{not json" } });
  expect(response.status).toBeLessThan(500);
  const head = await ask("CONNECT miniflare-unsafe-internal-capnp-connect HTTP/1.1\r\nhost: x\r\n\r\n");
  expect(head).toMatch(/^HTTP\/1\.1 405 /);
  expect(await ask("GET http://127.0.0.1/cdn-cgi/local/scheduled HTTP/1.1\r\nhost: x\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 400 /,
  );
});

it.each([
  "host: one\r\nhost: two",
  "host: a b",
  "host: [",
  "host: x/../cdn-cgi",
  "host: x:99999",
  "host: me@x",
  "host:",
])("refuses a request with an invalid Host header: %j", async (host) => {
  expect(await ask(`GET /healthz HTTP/1.1\r\n${host}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
});

it("serves files of the bucket only with a signature, and its keys belong to this state", async () => {
  expect((await fetch(linkOfFile)).status).toBe(200);
  const { origin: host, pathname } = new URL(linkOfFile);
  expect((await fetch(host + pathname)).status).toBe(400);
  const { BUCKET_KEY_ID, BUCKET_SECRET } = JSON.parse(
    readFileSync(join(stack.stateDir, "secrets.json"), "utf8"),
  );
  expect(linkOfFile).toContain(encodeURIComponent(BUCKET_KEY_ID));
  expect(BUCKET_SECRET).toMatch(/^[\w-]{32}$/);
});

it("hides everything in the state folder from other users", () => {
  const paths = readdirSync(stack.stateDir, { recursive: true, encoding: "utf8" });
  const open = [stack.stateDir, ...paths.map((path) => join(stack.stateDir, path))].filter(
    (path) => (lstatSync(path).mode & 0o077) !== 0,
  );
  expect(open).toEqual([]);
  expect(paths.some((path) => path.endsWith(".sqlite"))).toBe(true);
});

/** Sends raw text. @returns the beginning of the response */
function ask(text: string): Promise<string> {
  const { hostname, port } = new URL(stack.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString());
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without a response")));
  });
}
