import { describe, expect, it } from "vitest";
import {
  button,
  createJob,
  heading,
  MARKUP,
  newAccount,
  open,
  openAsOperator,
  poll,
  row,
  see,
  world,
} from "../console-session.ts";

/** The pages of an account, and those of the operator. */
export function accountFlows(): void {
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

    it("follows a source, pauses and resumes it, and deletes the subscription", async () => {
      const { key } = await newAccount("subscriptions");
      const feed = `<rss version="2.0"><channel><title>A show</title><item><title><![CDATA[One ${MARKUP}]]></title><guid>1</guid>
        <enclosure url="${world.origin.url}/one.mp3" type="audio/mpeg" length="1"/></item></channel></rss>`;
      world.origin.put("/show.xml", Buffer.from(feed));
      const { page } = await open("#/subscriptions", { apiKey: key });
      await see(page, "No source is followed yet.");
      await page.getByLabel("URL of a feed").fill(`${world.origin.url}/show.xml`);
      await page.getByLabel("Minutes between two readings").fill("1");
      await button(page, "Follow").click();
      await see(page, /must be a whole number from 300/);
      await page.getByLabel("Minutes between two readings").fill("30");
      await button(page, "Follow").click();
      await row(page, "show.xml").getByRole("link").click();
      await button(page, "Read now").click();
      await see(page, /^One /);
      await button(page, "Pause").click();
      await button(page, "Resume").click();
      await button(page, "Pause").waitFor();
      await button(page, "Delete").click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await see(page, "No source is followed yet.");
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
      const addresses = page.getByLabel("Addresses", { exact: true });
      await addresses.fill("anywhere");
      await button(page, "New key").click();
      await addresses.and(page.locator("[aria-invalid]")).waitFor();
      await addresses.fill("127.0.0.0/8, 2001:db8::7");
      await button(page, "New key").click();
      await page.getByRole("cell", { name: "127.0.0.0/8, 2001:db8::7" }).first().waitFor();
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
}
