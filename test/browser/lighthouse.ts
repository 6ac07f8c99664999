/**
 * `npm run lighthouse [-- <text>]`: Lighthouse's audits of accessibility and best practices on the console and the documentation, as a desktop
 * and as a phone. Fails below 95. With a text, only pages whose device or path contains it. Installs Lighthouse into `.cache/lighthouse` (200 MB), because nothing else needs it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findBrowser } from "../../bin/setup/browser.mjs";
import { inRepository } from "../support/repository.ts";
import { startConsoleWorld } from "./console-world.ts";

const PACKAGES = ["lighthouse@12.8.2", "puppeteer-core@24.16.0"];
const FOLDER = inRepository(".cache", "lighthouse");
const LEAST = 95;
const CATEGORIES = ["accessibility", "best-practices"] as const;

interface Tab {
  evaluateOnNewDocument(script: string): Promise<unknown>;
  close(): Promise<void>;
}
interface Puppeteer {
  launch(options: object): Promise<{ newPage(): Promise<Tab>; close(): Promise<void> }>;
}
interface Audit {
  readonly id: string;
  readonly title: string;
  readonly score: number | null;
}
interface Report {
  readonly runtimeError?: { readonly message: string };
  readonly categories: Readonly<
    Record<
      string,
      {
        readonly score: number | null;
        readonly auditRefs: readonly { readonly id: string; readonly weight: number }[];
      }
    >
  >;
  readonly audits: Readonly<Record<string, Audit>>;
}
type Lighthouse = (
  url: string,
  flags: object,
  config: undefined,
  tab: Tab,
) => Promise<{ readonly lhr: Report }>;

function install(): void {
  mkdirSync(FOLDER, { recursive: true });
  if (existsSync(join(FOLDER, "node_modules", "lighthouse"))) return;
  const args = ["install", "--prefix", FOLDER, "--no-audit", "--no-fund", "--ignore-scripts", ...PACKAGES];
  const { status } = spawnSync("npm", args, { stdio: "inherit" });
  if (status !== 0) throw new Error("Lighthouse could not be installed");
}

async function load<T>(name: string): Promise<T> {
  const path = createRequire(join(FOLDER, "package.json")).resolve(name);
  return ((await import(pathToFileURL(path).href)) as { default: T }).default;
}

const DEVICES = {
  desktop: {
    formFactor: "desktop",
    screenEmulation: { mobile: false, width: 1350, height: 940, deviceScaleFactor: 1, disabled: false },
  },
  phone: { formFactor: "mobile" },
} as const;

install();
const [lighthouse, puppeteer] = await Promise.all([
  load<Lighthouse>("lighthouse"),
  load<Puppeteer>("puppeteer-core"),
]);
const world = await startConsoleWorld();
const browser = await puppeteer.launch({
  executablePath: findBrowser(),
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
const low: string[] = [];
try {
  const { stack, origin } = world;
  const job = await stack.create({ url: `${origin.url}/talk.mp4` });
  await stack.end(job);
  const credentials = JSON.stringify({ apiKey: stack.apiKey, adminToken: stack.adminToken });
  const signedIn = [
    "",
    "jobs",
    `jobs/${job}`,
    "batches",
    "new",
    "storage",
    "webhooks",
    "usage",
    "operator/health",
    "operator/accounts",
    "operator/audit",
  ];
  const pages: [path: string, isSignedIn: boolean][] = [
    ["/", false],
    ["/console", false],
    ...signedIn.map((hash): [string, boolean] => [`/console#/${hash}`, true]),
    ...["", "/quick-start", "/reference", "/storage", "/troubleshooting", "/command-line"].map(
      (path): [string, boolean] => [`/docs${path}`, false],
    ),
  ];
  for (const [device, flags] of Object.entries(DEVICES)) {
    for (const [path, isSignedIn] of pages) {
      if (!`${device} ${path}`.includes(process.argv[2] ?? "")) continue;
      const tab = await browser.newPage();
      const script = `sessionStorage.setItem("waterspout.credentials", ${JSON.stringify(credentials)})`;
      if (isSignedIn) await tab.evaluateOnNewDocument(`if (location.protocol === "http:") ${script}`);
      const options = {
        ...flags,
        onlyCategories: CATEGORIES,
        disableStorageReset: true,
        throttlingMethod: "provided",
        logLevel: "error",
      };
      const { lhr } = await lighthouse(stack.url + path, options, undefined, tab);
      await tab.close();
      const scores = CATEGORIES.map((name) => Math.round((lhr.categories[name]?.score ?? 0) * 100));
      console.log(`${device.padEnd(8)} ${path.replace(job, "ID").padEnd(30)} ${scores.join(" / ")}`);
      if (scores.some((score) => score < LEAST))
        low.push(`${device} ${path}: ${lhr.runtimeError?.message ?? failuresOf(lhr).join("; ")}`);
    }
  }
} finally {
  await browser.close();
  await world.close();
}
if (low.length > 0) {
  console.error(`Below ${LEAST}:\n${low.join("\n")}`);
  process.exitCode = 1;
}

/** Audits that count and did not pass. */
function failuresOf({ categories, audits }: Report): string[] {
  const counted = CATEGORIES.flatMap((name) => categories[name]?.auditRefs ?? []);
  return counted.flatMap(({ id, weight }) => {
    const audit = audits[id];
    return weight > 0 && audit && audit.score !== null && audit.score < 1 ? [`${id} (${audit.title})`] : [];
  });
}
