import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Job } from "../../../schema/api/job.ts";
import { heading, MARKUP, open, openAsOperator, see, talk, world } from "../console-session.ts";
import { feedOf } from "../console-world.ts";
import type { OpenedConsole } from "../open-console.ts";

/** What holds for every page: hostile texts, networks, keyboard, languages, size and accessibility. */
export function pageFlows(): void {
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
    const ACCOUNT_PAGES = [
      "#/",
      "#/jobs",
      "#/batches",
      "#/subscriptions",
      "#/storage",
      "#/cookies",
      "#/webhooks",
      "#/usage",
      "#/absent",
    ];
    const OPERATOR_PAGES = [
      "#/operator/health",
      "#/operator/accounts",
      "#/operator/exits",
      "#/operator/rights",
      "#/operator/audit",
    ];

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
}
