import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { startBrowser, type TestBrowser } from "./browser.ts";
import { type ConsoleWorld, startConsoleWorld } from "./console-world.ts";
import { type ConsoleOptions, type OpenedConsole, openConsole } from "./open-console.ts";

/** What the flows of the console share: one stack, one browser, and short names for what a person sees. */

export const MARKUP = `<img src=x onerror="globalThis.broken=1"><script>globalThis.broken=1</script>`;

/** Of the running file; live once its hooks have run. */
export let world: ConsoleWorld;
let browser: TestBrowser;
let opened: OpenedConsole[] = [];

/** Starts and stops them; called once, by the file that runs the flows. */
export function useConsoleWorld(): void {
  beforeAll(async () => {
    [world, browser] = await Promise.all([startConsoleWorld(), startBrowser()]);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([browser.close(), world.close()]);
  }, 60_000);

  afterEach(async () => {
    const problems = opened.flatMap((console) => console.problems);
    await Promise.all(opened.map((console) => console.close()));
    opened = [];
    expect(problems).toEqual([]);
  });
}

/** Opens the console for the local account, or with the given options. */
export async function open(hash: string, options: Partial<ConsoleOptions> = {}): Promise<OpenedConsole> {
  const { url, apiKey } = world.stack;
  const console = await openConsole(browser, { url, apiKey, hash, ...options });
  opened.push(console);
  return console;
}

export const openAsOperator = (hash: string, options: Partial<ConsoleOptions> = {}) =>
  open(hash, { adminToken: world.stack.adminToken, ...options });

export const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name, exact: true });
export const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { name });
export const row = (page: Page, text: string) => page.getByRole("row").filter({ hasText: text });
/** The badge next to the heading of a card. */
export const badge = (page: Page, card: string) =>
  page
    .locator(".card-head")
    .filter({ has: heading(page, card) })
    .locator(".badge");
/** Browsers and machines may be slow. */
export const poll = <T>(ask: () => T): ReturnType<typeof expect.poll<T>> =>
  expect.poll(ask, { timeout: 20_000, interval: 50 });
export const see = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
export const talk = (name = "") => `${world.origin.url}/talk.mp4?${name}`;

/** Calls a route of the operator. */
export async function adminPost(path: string, body: object): Promise<{ id: string; api_key: string }> {
  const response = await fetch(world.stack.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${world.stack.adminToken}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as { id: string; api_key: string };
}

/** A separate account, so that lists show only what the test created. */
export async function newAccount(name: string): Promise<{ id: string; key: string }> {
  const { id } = await adminPost("/admin/accounts", { name });
  const { api_key: key } = await adminPost(`/admin/accounts/${id}/keys`, {});
  return { id, key };
}

export async function createJob(key: string, request: object): Promise<string> {
  const response = await fetch(`${world.stack.url}/jobs`, {
    method: "POST",
    headers: { "x-api-key": key, "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  return ((await response.json()) as { job_id: string }).job_id;
}
