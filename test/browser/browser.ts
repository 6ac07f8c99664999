import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, type BrowserContextOptions, chromium } from "playwright-core";
import { findBrowser } from "../../bin/setup/browser.mjs";

/** The system's Chromium with a fresh profile. */
export interface TestBrowser {
  /** A fresh session: no cookies, no storage. */
  open(options?: BrowserContextOptions): Promise<BrowserContext>;
  close(): Promise<void>;
}

/** Only the pages under test use the network. */
const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function startBrowser(): Promise<TestBrowser> {
  const executablePath = findBrowser();
  if (executablePath === null) throw new Error("There is no Chromium; npm run setup test installs it");
  const profile = await mkdtemp(join(tmpdir(), "chromium-"));
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      ...QUIET,
      // Chromium's sandbox does not run as root
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ],
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
  });
  return {
    open: (options = {}) => browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options }),
    close: async () => {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
