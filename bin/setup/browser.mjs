import { existsSync } from "node:fs";
import { aptCanInstall, installWithApt } from "./apt.mjs";
import { findOnPath } from "./paths.mjs";
import { progress, SetupError } from "./report.mjs";

/** Usual names of browsers that speak Chromium's protocol. */
const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const APPLICATIONS = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/**
 * The browser for the tests of the pages; CHROMIUM_PATH names another one.
 *
 * @returns {string | null} its path
 */
export function findBrowser() {
  const chosen = process.env.CHROMIUM_PATH;
  if (chosen !== undefined) return chosen;
  for (const name of NAMES) {
    const found = findOnPath(name);
    if (found !== null) return found;
  }
  return APPLICATIONS.find((path) => existsSync(path)) ?? null;
}

/** Installs Debian's Chromium if there is no browser; only tests need one. */
export function installBrowser() {
  if (findBrowser() !== null) return;
  if (!aptCanInstall()) {
    throw new SetupError(
      "The tests need Chromium or Chrome. Install one, or set CHROMIUM_PATH to one; then run the same command again.",
    );
  }
  progress("installing chromium …");
  installWithApt(["chromium"]);
}
