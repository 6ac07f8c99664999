import { readFile } from "node:fs/promises";
import type { Page, Route } from "playwright-core";
import { describe, expect, it } from "vitest";
import { media } from "../../support/media.ts";
import {
  adminPost,
  badge,
  button,
  createJob,
  heading,
  newAccount,
  open,
  poll,
  row,
  see,
  talk,
  world,
} from "../console-session.ts";
import { TALK } from "../console-world.ts";

/** Signing in, jobs and batches, as a person works with them. */
export function jobFlows(): void {
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
      const { id, key } = await newAccount("expiring");
      const { page, go } = await open("#/jobs", { apiKey: key });
      await see(page, "There are no jobs yet.");
      // from now on, the page's key is one that expires
      const { api_key: expiring } = await adminPost(`/admin/accounts/${id}/keys`, {
        expires_at: Date.now() + 1_000,
      });
      const status = async () =>
        (await fetch(`${world.stack.url}/jobs`, { headers: { "x-api-key": expiring } })).status;
      await poll(status).toBe(401);
      const swap = (route: Route) =>
        route.continue({ headers: { ...route.request().headers(), "x-api-key": expiring } });
      await page.route("**/usage*", swap);
      await go("#/usage");
      await see(page, "The server no longer accepts this key.");
      await page.unroute("**/usage*", swap);
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
      const isPlayable = () =>
        page.locator("video").evaluate((video: HTMLVideoElement) => video.duration > 1);
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
      await see(page, "1 found");
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
}
