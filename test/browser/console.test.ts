import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import { media } from "../support/media.ts";
import { startBrowser, type TestBrowser } from "./browser.ts";
import { type ConsoleWorld, feedOf, startConsoleWorld, TALK } from "./console-world.ts";
import { type ConsoleOptions, type OpenedConsole, openConsole } from "./open-console.ts";

/** The console in Chromium, as a person uses it, on the stack that `npm start` runs. */

const MARKUP = `<img src=x onerror="globalThis.broken=1"><script>globalThis.broken=1</script>`;

let world: ConsoleWorld;
let browser: TestBrowser;
let opened: OpenedConsole[] = [];

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

/** Opens the console for the local account, or with the given options. */
async function open(hash: string, options: Partial<ConsoleOptions> = {}): Promise<OpenedConsole> {
  const { url, apiKey } = world.stack;
  const console = await openConsole(browser, { url, apiKey, hash, ...options });
  opened.push(console);
  return console;
}

const openAsOperator = (hash: string, options: Partial<ConsoleOptions> = {}) =>
  open(hash, { adminToken: world.stack.adminToken, ...options });

const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name, exact: true });
const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { name });
const row = (page: Page, text: string) => page.getByRole("row").filter({ hasText: text });
/** The badge next to the heading of a card. */
const badge = (page: Page, card: string) =>
  page
    .locator(".card-head")
    .filter({ has: heading(page, card) })
    .locator(".badge");
/** Browsers and machines may be slow. */
const poll = <T>(ask: () => T) => expect.poll(ask, { timeout: 20_000, interval: 50 });
const see = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
const talk = (name = "") => `${world.origin.url}/talk.mp4?${name}`;

/** A separate account, so that lists show only what the test created. */
async function newAccount(name: string, newKey: object = {}): Promise<{ id: string; key: string }> {
  const post = async (path: string, body: object) => {
    const response = await fetch(world.stack.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${world.stack.adminToken}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { id: string; api_key: string };
  };
  const { id } = await post("/admin/accounts", { name });
  return { id, key: (await post(`/admin/accounts/${id}/keys`, newKey)).api_key };
}

async function createJob(key: string, request: object): Promise<string> {
  const response = await fetch(`${world.stack.url}/jobs`, {
    method: "POST",
    headers: { "x-api-key": key, "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  return ((await response.json()) as { job_id: string }).job_id;
}

describe("signing in", () => {
  it("refuses a wrong key, accepts a right one, and remembers it for this tab only if asked", async () => {
    const { page } = await open("", { apiKey: undefined });
    const [key, submit] = [page.getByLabel("API key"), button(page, "Sign in")];
    await submit.click();
    await see(page, "Enter an API key, or an operator token.");
    await key.fill("sk_live_wrong");
    await submit.click();
    await see(page, "The server does not accept this key.");
    await key.fill(world.stack.apiKey);
    await page.getByLabel("Stay signed in").uncheck();
    await key.press("Enter");
    await heading(page, "Overview").waitFor();
    const stored = () =>
      page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
    expect(await stored()).not.toContain("sk_live_");
    await page.reload();
    await heading(page, "Sign in").waitFor();
    await key.fill(world.stack.apiKey);
    await submit.click();
    await heading(page, "Overview").waitFor();
    await page.reload();
    await heading(page, "Overview").waitFor();
    expect(await page.evaluate(() => JSON.stringify({ ...localStorage }))).not.toContain("sk_live_");
    await button(page, "Sign out").click();
    await see(page, "You are signed out.");
    expect(await stored()).not.toContain("sk_live_");
  });

  it("asks for another key when this one has expired", async () => {
    const { key } = await newAccount("expiring", { expires_at: Date.now() + 3_000 });
    const { page, go } = await open("#/jobs", { apiKey: key });
    await see(page, "There are no jobs yet.");
    const status = async () =>
      (await fetch(`${world.stack.url}/jobs`, { headers: { "x-api-key": key } })).status;
    await poll(status).toBe(401);
    await go("#/usage");
    await see(page, "The server no longer accepts this key.");
    await page.getByLabel("API key").fill(world.stack.apiKey);
    await button(page, "Sign in").click();
    await heading(page, "Usage and keys").waitFor();
  });
});

describe("a job", () => {
  it("is planned, created with options, followed to its end, played, downloaded and deleted", async () => {
    const { page } = await open("#/");
    await page.getByLabel("URL of a video").fill(talk("planned"));
    await button(page, "Plan").click();
    await heading(page, "Streams that the job would use").waitFor();
    await page.getByText("Clip", { exact: true }).click();
    await page.getByLabel("Start", { exact: true }).fill("4");
    await page.getByLabel("End", { exact: true }).fill("2");
    await button(page, "Create job").click();
    await see(page, "must be greater than clip_start");
    await page.getByLabel("End", { exact: true }).fill("0:06");
    await page.getByLabel("Format", { exact: true }).selectOption("webm");
    await page.getByLabel("Video codec").selectOption("h264");
    await see(page, "The request has changed since it was planned.");
    await button(page, "Plan").click();
    await see(page, "webm holds VP8, VP9 or AV1");
    await page.getByText("File and storage").click();
    await page.getByLabel("File name").fill("from the console");
    await page.getByLabel("Video codec").selectOption("vp9");
    await button(page, "Create job").click();
    await see(page, "All jobs");
    await badge(page, "Status").filter({ hasText: "Completed" }).waitFor({ timeout: 60_000 });
    const id = new URL(page.url()).hash.split("/")[2] ?? "";
    const job = await world.stack.job(id);
    expect(job).toMatchObject({
      format: "webm",
      clip_start: "4",
      clip_end: "0:06",
      filename: "from the console",
    });
    const isPlayable = () => page.locator("video").evaluate((video: HTMLVideoElement) => video.duration > 1);
    await poll(isPlayable).toBe(true);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download" }).click(),
    ]);
    expect(new URL(download.url()).pathname).toContain("from%20the%20console");
    await button(page, "Delete file").click();
    await button(page.getByRole("dialog") as unknown as Page, "Delete file").click();
    await see(page, "The file was deleted.");
    await page.getByRole("link", { name: "Download" }).waitFor({ state: "detached" });
  }, 120_000);

  it("shows live progress, can be cancelled, and says what to do after a failure", async () => {
    world.origin.put("/slow.mp4", await readFile(await media("mp4", TALK)));
    world.origin.behave("/slow.mp4", { bytesPerSecond: 60_000 });
    const slow = await world.stack.create({ url: `${world.origin.url}/slow.mp4` });
    const { page, go } = await open(`#/jobs/${slow}`);
    await see(page, "Downloading");
    await poll(() =>
      page.locator("progress.large").evaluate((bar: HTMLProgressElement) => bar.value),
    ).toBeGreaterThan(0);
    await button(page, "Cancel job").click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await button(page, "Cancel job").click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel job" }).click();
    await badge(page, "Status").filter({ hasText: "Failed" }).waitFor();
    await see(page, "Job cancelled by user");
    const gone = await world.stack.create({ url: `${world.origin.url}/status/404` });
    await world.stack.end(gone);
    await go(`#/jobs/${gone}`);
    await see(page, "This media is not available or was removed");
    await see(page, "Check that the URL opens in a browser.");
    await button(page, "Retry").click();
    await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
    await page.getByRole("link", { name: "the earlier job" }).waitFor();
    expect(page.url()).not.toContain(gone);
  }, 60_000);
});

describe("the list of jobs", () => {
  it("is filtered, searched and read page by page", async () => {
    const { key } = await newAccount("lists");
    for (let batch = 0; batch < 30; batch += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          createJob(key, {
            url: `${world.origin.url}/status/404?${batch + index}`,
            filename: `talk-${batch + index}-end`,
          }),
        ),
      );
    }
    const { page, go } = await open("#/jobs", { apiKey: key });
    const rows = page.getByRole("table").getByRole("rowheader");
    await see(page, "30 jobs");
    expect(await rows.count()).toBe(25);
    await button(page, "Older").click();
    await poll(() => rows.count()).toBe(5);
    await button(page, "Newer").click();
    await poll(() => rows.count()).toBe(25);
    await page.getByLabel("Search").fill("TALK-17-end");
    await see(page, "1 found in the latest 30 jobs");
    expect(await rows.count()).toBe(1);
    await page.getByLabel("Search").fill("nothing like it");
    await see(page, "No job matches.");
    await go("#/jobs?status=Completed");
    await see(page, "No job matches.");
    await page.getByRole("link", { name: "Clear filters" }).first().click();
    await see(page, "30 jobs");
    await page.getByLabel("Status", { exact: true }).selectOption("Skipped");
    await see(page, "No job matches.");
  }, 60_000);
});

describe("a batch", () => {
  it("is created from several URLs, renamed while it is paused, started, and followed entry by entry", async () => {
    const { page } = await open("#/new");
    await page.getByLabel("Several URLs").check();
    await page.getByLabel("URLs, one in each line").fill(`${talk("one")}\n\n${talk("two")}\nnonsense`);
    await page.getByText("Batches and retries").click();
    await page.getByLabel("Start paused").check();
    await button(page, "Create batch").click();
    await see(page, "must be an http or https URL with a host");
    await page.getByLabel("URLs, one in each line").fill(`${talk("one")}\n${talk("two")}`);
    await button(page, "Create batch").click();
    await heading(page, "File names").waitFor();
    const names = page.getByRole("textbox");
    await names.nth(0).fill("first");
    await names.nth(1).fill("first");
    await button(page, "Save names").click();
    await see(page, "another file of this batch has this name");
    await names.nth(1).fill("second");
    await button(page, "Save names").click();
    await see(page, "1 files were renamed.");
    await button(page, "Start batch").click();
    await see(page, "2 jobs started.");
    await badge(page, "Status").filter({ hasText: "Completed" }).waitFor({ timeout: 60_000 });
    await poll(() => row(page, "Completed").count()).toBe(2);
    await page.getByRole("link", { name: "All batches" }).click();
    await page.getByRole("link", { name: "Several URLs" }).first().waitFor();
  }, 120_000);

  it("can be cancelled as a whole", async () => {
    const { body } = await world.stack.call<{ batch_id: string }>("POST", "/jobs/bulk", {
      ...{ jobs: [{ url: talk("a") }, { url: talk("b") }], paused: true },
    });
    const { page } = await open(`#/batches/${body.batch_id}`);
    await button(page, "Cancel batch").click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel batch" }).click();
    await see(page, "2 jobs were cancelled.");
    await badge(page, "Status").filter({ hasText: "Finished with failures" }).waitFor();
  });
});

describe("the account", () => {
  it("sets a storage after a real test, and removes it", async () => {
    const { key } = await newAccount("storage");
    const { page } = await open("#/storage", { apiKey: key });
    await see(page, "This account uses the managed bucket of this server.");
    const { endpoint, bucket, region, accessKeyId, secretAccessKey } = world.s3;
    await button(page, "Test and save").click();
    await see(page, "is required");
    await page.getByLabel("Endpoint").fill(endpoint);
    await page.getByLabel("Bucket").fill(bucket);
    await page.getByLabel("Region").fill(region);
    await page.getByLabel("Access key").fill(accessKeyId);
    await page.getByLabel("Secret key").fill("wrong");
    await button(page, "Test and save").click();
    await see(page, /Credential validation failed|SignatureDoesNotMatch/);
    await page.getByLabel("Secret key").fill(secretAccessKey);
    await button(page, "Test and save").click();
    await see(page, "The test object was written and deleted.");
    await see(page, `****${accessKeyId.slice(-4)}`);
    expect(await page.content()).not.toContain(secretAccessKey);
    await button(page, "Test now").click();
    await see(page, "The storage works.");
    await button(page, "Remove storage").click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove storage" }).click();
    await see(page, "This account uses the managed bucket of this server.");
  });

  it("reads the log of webhooks with payloads, replays an event, rotates the secret and sets Slack", async () => {
    const { key } = await newAccount("webhooks");
    const before = world.receiver.received.length;
    await createJob(key, { url: `${world.origin.url}/status/404`, webhook_url: world.receiver.url });
    await world.receiver.until(({ length }) => length > before);
    const { page } = await open("#/webhooks", { apiKey: key });
    await row(page, "job_warning").getByText("Delivered").waitFor();
    await page.getByRole("button", { name: /^Show: Payload/ }).click();
    await see(page, `"error_code": "unavailable"`);
    await button(page, "Send again").click();
    await world.receiver.until(({ length }) => length > before + 1);
    await poll(() => row(page, "job_warning").count()).toBe(2);
    const eventIds = world.receiver.received.slice(before).map(({ eventId }) => eventId);
    expect(new Set(eventIds).size).toBe(1);

    await button(page, "Show").click();
    const secret = page.locator("code", { hasText: /^whsec_[^•]+$/ });
    const former = await secret.textContent();
    await button(page, "Rotate secret").click();
    await page.getByRole("dialog").getByRole("button", { name: "Rotate secret" }).click();
    await see(page, "The secret was rotated.");
    expect(await secret.textContent()).not.toBe(former);

    await page.getByLabel("Incoming webhook").fill(world.receiver.url);
    await page.getByLabel("Report").selectOption("errors_only");
    await button(page, "Save").click();
    await see(page, "Failures only");
    await button(page, "Turn off").click();
    await see(page, "Slack notifications are off.");
  }, 60_000);

  it("shows usage per day and key, and its limits", async () => {
    const { page } = await open("#/usage");
    await page.getByRole("img", { name: "Jobs per day" }).waitFor();
    await page.getByText("Show as table").first().click();
    await page.getByRole("table", { name: "Jobs per day" }).waitFor();
    await page.getByRole("table", { name: "Keys" }).getByRole("row").nth(1).waitFor();
    await see(page, "This account has no limits.");
    await page.getByLabel("Period").selectOption("7");
    await poll(() => page.locator("figure").first().locator("rect").count()).toBe(21);
  });
});

describe("the operator", () => {
  it("creates an account with limits, creates, rolls and revokes keys, and reads the audit log", async () => {
    const { page, go } = await openAsOperator("#/operator/accounts");
    await page.getByLabel("Name", { exact: true }).fill(`Studio ${MARKUP}`);
    await button(page, "New account").click();
    await heading(page, `Studio ${MARKUP}`).waitFor();
    await page.getByLabel("Jobs at the same time").fill("3");
    await page.getByLabel("Highest resolution").fill("10");
    await button(page, "Save").click();
    await see(page, /must be at least 144|>=144/);
    await page.getByLabel("Highest resolution").fill("720");
    await button(page, "Save").click();
    await see(page, "The account was saved.");
    await page.getByLabel("Name of the key").fill(`key ${MARKUP}`);
    await page.getByLabel("read").check();
    await button(page, "New key").click();
    await see(page, "Copy the key now.");
    const made = page.locator(".alert code");
    const key = (await made.textContent()) ?? "";
    expect(key).toMatch(/^sk_live_/);
    await page.getByRole("button", { name: /^Roll:/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Roll" }).click();
    await poll(() => made.textContent()).not.toBe(key);
    await page
      .getByRole("button", { name: /^Revoke:/ })
      .first()
      .click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await see(page, "revoked");
    await button(page, "Disable account").click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable account" }).click();
    await button(page, "Enable account").click();
    await button(page, "Disable account").waitFor();
    await page.getByRole("link", { name: "Audit log" }).last().click();
    await row(page, "key.rolled").waitFor();
    await row(page, "account.disabled").waitFor();
    await go("#/operator/accounts");
    await page.getByRole("link", { name: `Studio ${MARKUP}` }).waitFor();
    expect(await page.evaluate(() => "broken" in globalThis)).toBe(false);
  }, 60_000);

  it("sees readiness, the queue and what the processors report", async () => {
    const { page } = await openAsOperator("#/operator/health", { apiKey: undefined });
    await see(page, "Jobs that wait for a processor");
    await heading(page, "Readiness").waitFor();
    await see(page, "What the processors report");
    await page.getByRole("table", { name: "Sites" }).getByRole("rowheader", { name: "other" }).waitFor();
    await page.getByRole("link", { name: "Jobs" }).waitFor({ state: "detached" });
  });
});

describe("the page", () => {
  it("shows markup in titles, names and addresses as text", async () => {
    world.origin.put("/hostile.xml", feedOf(world.origin.url, [MARKUP, "harmless"]));
    const { body } = await world.stack.call<{ batch_id: string; video_jobs: string[] }>("POST", "/jobs", {
      ...{ url: `${world.origin.url}/hostile.xml?${MARKUP}`, batch: true, paused: true, folder: "a<b>c" },
    });
    const { page, go } = await open(`#/batches/${body.batch_id}`);
    await page.getByRole("link", { name: MARKUP }).waitFor();
    await go(`#/jobs/${body.video_jobs[0]}`);
    await heading(page, MARKUP).waitFor();
    await go(`#/jobs?search=${encodeURIComponent(MARKUP)}`);
    await page.getByRole("link", { name: MARKUP }).first().waitFor();
    await go(`#/new?url=${encodeURIComponent(`javascript:${MARKUP}`)}`);
    await see(page, "must be an http or https URL with a host");
    await go("#/jobs/%3Cscript%3E");
    await see(page, "That did not work");
    expect(await page.evaluate(() => "broken" in globalThis)).toBe(false);
  });

  it("says that it is offline, and loads again when the network is back", async () => {
    const { page, go } = await open("#/jobs");
    await page.getByRole("table").waitFor();
    await page.context().setOffline(true);
    await see(page, "You are offline.");
    await go("#/batches");
    await see(page, "The server cannot be reached.");
    await page.context().setOffline(false);
    await page.getByRole("table").waitFor();
    await page.getByText("You are offline.").waitFor({ state: "detached" });
  });

  it("says that the network is slow, and shows what arrives late", async () => {
    const release = Promise.withResolvers<void>();
    const { page } = await open("#/usage", {
      prepare: async (page) => {
        await page.clock.install();
        await page.route("**/usage*", async (route) => {
          await release.promise;
          await route.continue();
        });
      },
    });
    await see(page, "Loading…");
    await page.clock.runFor(5_000);
    await see(page, "This takes longer than usual.");
    release.resolve();
    await heading(page, "Limits").waitFor();
  });

  it("can be used with the keyboard alone", async () => {
    const { page } = await open("#/");
    await page.keyboard.press("Shift+Tab");
    await page.locator(".skip").focus();
    await page.keyboard.press("Enter");
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
    expect(await focused()).toBe("Overview");
    await page.keyboard.press("Tab");
    await page.keyboard.type(talk("keyboard"));
    await page.keyboard.press("Enter");
    await heading(page, "New job").waitFor();
    expect(await focused()).toBe("New job");
  });

  it("is in German when the browser asks for it, and remembers the person's choice", async () => {
    const { page } = await open("#/jobs", { locale: "de-DE" });
    await heading(page, "Aufträge").waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
    await page.getByLabel("Sprache").selectOption("en");
    await page.getByLabel("Appearance").selectOption("dark");
    await page.reload();
    await heading(page, "Jobs").waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
  });

  it("transfers less than 150 KB, compressed", async () => {
    const files = ["base.css", "console.css", "console.js", "icon.svg"];
    const sizes = files.map(async (file) => {
      const response = await fetch(`${world.stack.url}/ui/${file}`);
      return gzipSync(await response.bytes(), { level: 9 }).byteLength;
    });
    const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    expect(total).toBeLessThan(150_000);
  });
});

describe("axe", () => {
  const ACCOUNT_PAGES = ["#/", "#/jobs", "#/batches", "#/storage", "#/webhooks", "#/usage", "#/absent"];
  const OPERATOR_PAGES = ["#/operator/health", "#/operator/accounts", "#/operator/exits", "#/operator/audit"];

  /** What axe finds on a page in light mode, in dark mode and on a phone. */
  async function violationsOf({ page, violations }: OpenedConsole): Promise<string[]> {
    await page.locator(".loading").first().waitFor({ state: "detached" });
    const found = await violations();
    await page.emulateMedia({ colorScheme: "dark" });
    found.push(...(await violations()));
    await page.setViewportSize({ width: 390, height: 844 });
    found.push(...(await violations()));
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflow > 0) found.push(`${page.url()} is ${overflow} pixels wider than a phone`);
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1280, height: 800 });
    return found;
  }

  it("finds nothing on any page, in light, dark, and on a phone", async () => {
    const { body } = await world.stack.call<{ jobs: Job[] }>("GET", "/jobs?limit=100");
    const done = body.jobs.find(({ status, s3_url }) => status === "Completed" && s3_url !== null);
    const failed = body.jobs.find(({ status }) => status === "Warning");
    const paused = await world.stack.call<{ batch_id: string }>("POST", "/jobs/bulk", {
      ...{ jobs: [{ url: talk("axe") }], paused: true },
    });
    const console = await openAsOperator("#/", { withAxe: true });
    const { page, go } = console;
    const accountLink = async () => {
      await page.getByRole("table").getByRole("link").first().waitFor();
      return page.getByRole("table").getByRole("link").first().getAttribute("href");
    };
    const found: string[] = [];
    for (const hash of [
      ...ACCOUNT_PAGES,
      `#/jobs/${done?.id}`,
      `#/jobs/${failed?.id}`,
      `#/batches/${paused.body.batch_id}`,
      ...OPERATOR_PAGES,
    ]) {
      await go(hash);
      await page.waitForFunction(() => document.querySelector("h1") !== null);
      found.push(...(await violationsOf(console)));
    }
    await go("#/operator/accounts");
    await go((await accountLink()) ?? "");
    await heading(page, "Limits").waitFor();
    found.push(...(await violationsOf(console)));
    await go(`#/new?url=${encodeURIComponent(talk("axe"))}`);
    await heading(page, "Streams that the job would use").waitFor();
    await page.locator("details.group").evaluateAll((groups) => {
      for (const group of groups) (group as HTMLDetailsElement).open = true;
    });
    await page.getByLabel("Other storage").check();
    found.push(...(await violationsOf(console)));
    await go("#/webhooks");
    await page.getByRole("button", { name: "Rotate secret" }).click();
    found.push(...(await violationsOf(console)));
    expect(found).toEqual([]);
  }, 120_000);

  it("finds nothing before signing in and on the landing page", async () => {
    const console = await open("", { apiKey: undefined, withAxe: true });
    expect(await violationsOf(console)).toEqual([]);
    await console.page.goto(world.stack.url);
    expect(await violationsOf(console)).toEqual([]);
    for (const name of ["Open the console", "Read the documentation", "Status"]) {
      const address = await console.page.getByRole("link", { name, exact: true }).getAttribute("href");
      const response = await fetch(new URL(address ?? "", world.stack.url));
      expect({ name, status: response.status }).toEqual({ name, status: 200 });
    }
  });
});
