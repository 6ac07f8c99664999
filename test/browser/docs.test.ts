import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAssets } from "../../bin/assets/build-assets.ts";
import { DOCS_POLICY, SERVER_MARK } from "../../worker/console/docs-page.ts";
import { startBrowser, type TestBrowser } from "./browser.ts";

/** The built pages of the documentation in a real browser, under the policy that the Worker sends. */

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
};

let folder: string;
let server: Server;
let url: string;
let browser: TestBrowser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "docs-"));
  await buildAssets(folder);
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://docs");
    const path = join(folder, pathname === "/docs" ? "/docs/home" : pathname);
    const file = [path, `${path}.html`].find((name) => existsSync(name) && extname(name) !== "");
    if (!file) return response.writeHead(404).end();
    const headers = {
      "content-type": TYPES[extname(file)] ?? "text/plain",
      "content-security-policy": DOCS_POLICY,
    };
    response.writeHead(200, headers).end(readFileSync(file, "utf8").replaceAll(SERVER_MARK, url));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await startBrowser();
}, 60_000);

afterAll(async () => {
  await browser.close();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(path: string, options: BrowserContextOptions = {}) {
  const context = await browser.open(options);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("request", (request) => request.url().startsWith(url) || problems.push(request.url()));
  await page.goto(url + path);
  return { page, problems, close: () => context.close() };
}

const violations = (page: Page): Promise<string[]> =>
  page.evaluate(
    `${AXE};axe.run().then(({violations}) => violations.map(({id, nodes}) => id + " " + nodes[0].html.slice(0, 120)))`,
  );

describe("axe finds nothing on", () => {
  it.each(["light", "dark"] as const)(
    "any page, in %s",
    async (colorScheme) => {
      const names = readdirSync(join(folder, "docs")).filter((name) => name.endsWith(".html"));
      expect(names.length).toBeGreaterThan(20);
      const { page, problems, close } = await open("/docs", { colorScheme });
      const found: string[] = [];
      for (const name of names) {
        await page.goto(`${url}/docs/${name.replace(".html", "")}`);
        found.push(...(await violations(page)).map((violation) => `${name}: ${violation}`));
      }
      expect([...found, ...problems]).toEqual([]);
      await close();
    },
    120_000,
  );
});

describe("a reader", () => {
  it("finds an operation and an error by search", async () => {
    const { page, problems, close } = await open("/docs/jobs");
    const search = page.getByRole("searchbox");
    await search.fill("retry a job");
    await page.locator("#found a").first().click();
    await page.waitForURL(/\/docs\/reference#retryJob$/);
    await search.fill("bot_check");
    await page.locator("#found a", { hasText: "Failed jobs" }).waitFor();
    await search.fill("zzyzx");
    await page.getByText("Nothing found").waitFor();
    expect(problems).toEqual([]);
    await close();
  }, 60_000);

  it("remembers the language that was chosen", async () => {
    const { page, close } = await open("/docs/reference");
    const sample = (language: string) =>
      page.locator(`#createJob >> xpath=ancestor::article >> css=[data-language="${language}"]`);
    expect(await sample("curl").isVisible()).toBe(true);
    await page.getByRole("button", { name: "Python" }).first().click();
    await page.reload();
    await page.getByRole("button", { name: "Python", pressed: true }).first().waitFor();
    expect([await sample("curl").isVisible(), await sample("Python").isVisible()]).toEqual([false, true]);
    expect(await sample("Python").textContent()).toContain(`${url}/jobs`);
    await close();
  }, 60_000);

  it("reads every page on a phone without scrolling sideways, and without scripts", async () => {
    const { page, close } = await open("/docs", { viewport: { width: 390, height: 800 } });
    for (const path of [
      "/docs",
      "/docs/reference",
      "/docs/storage",
      "/docs/troubleshooting",
      "/docs/configuration",
    ]) {
      await page.goto(url + path);
      expect([path, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([path, 390]);
    }
    await close();
    const plain = await open("/docs/reference", { javaScriptEnabled: false });
    expect(await plain.page.locator(".sample:visible").count()).toBeGreaterThan(100);
    await plain.close();
  }, 60_000);
});
