import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { BrowserContextOptions, Page } from "playwright-core";
import type { TestBrowser } from "./browser.ts";

/** A page of the console in a separate session. */
export interface OpenedConsole {
  readonly page: Page;
  /** What went wrong in the page: exceptions, and everything that its policy has blocked. */
  readonly problems: readonly string[];
  /** Shows another page of the console. */
  go(hash: string): Promise<void>;
  /** What axe finds on the page as it is shown now, as sentences. */
  violations(): Promise<string[]>;
  close(): Promise<void>;
}

export interface ConsoleOptions extends BrowserContextOptions {
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly adminToken?: string;
  /** Where to begin. @example "#/jobs" */
  readonly hash?: string;
  /** Loads axe with each page, for `violations()`. */
  readonly withAxe?: boolean;
  /** Called before anything is loaded. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The part of axe's interface that the page uses. */
interface AxeWindow {
  readonly axe: {
    run(): Promise<{
      readonly violations: readonly {
        readonly id: string;
        readonly help: string;
        readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
      }[];
    }>;
  };
}

/** Opens the console; with credentials, the person is signed in. */
export async function openConsole(
  browser: TestBrowser,
  { url, apiKey, adminToken, hash = "", prepare, withAxe = false, ...options }: ConsoleOptions,
): Promise<OpenedConsole> {
  const context = await browser.open({ reducedMotion: "reduce", ...options });
  if (withAxe) await context.addInitScript({ content: AXE });
  if (apiKey !== undefined || adminToken !== undefined) {
    await context.addInitScript((credentials) => {
      // only on the first page of the session: what the console does with them later is under test
      if (sessionStorage.getItem("prepared") !== null) return;
      sessionStorage.setItem("prepared", "yes");
      sessionStorage.setItem("waterspout.credentials", credentials);
    }, JSON.stringify({ apiKey, adminToken }));
  }
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    // the browser logs error responses that the test provokes
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      problems.push(message.text());
    }
  });
  await prepare?.(page);
  await page.goto(`${url}/console${hash}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  return {
    page,
    problems,
    go: async (next) => {
      await page.evaluate((target) => {
        location.hash = target;
      }, next);
    },
    violations: async () => {
      const { violations } = await page.evaluate(() => (globalThis as unknown as AxeWindow).axe.run());
      return violations.flatMap(({ id, help, nodes }) =>
        nodes.map(
          ({ html, failureSummary = "" }) => `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary}`,
        ),
      );
    },
    close: () => context.close(),
  };
}
