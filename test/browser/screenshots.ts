/** `npm run screenshots [-- <folder>]`: the pictures of the console and the documentation in `docs/images/`, from a stack with sample jobs. */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { inRepository } from "../support/repository.ts";
import { startBrowser } from "./browser.ts";
import { type ConsoleWorld, feedOf, startConsoleWorld } from "./console-world.ts";

const FOLDER = process.argv[2] ?? inRepository("docs", "images");
const MAX_BYTES = 200_000;
const TITLES = [
  "Opening keynote",
  "Queues that lose nothing",
  "A tour of the container formats",
  "Streaming uploads in parts",
  "Panel: who owns the archive?",
];

/** Each picture: its page, and the browser's settings for it. */
interface Shot {
  readonly name: string;
  readonly hash: string;
  readonly theme?: "light" | "dark";
  readonly isPhone?: boolean;
  /** Waits until the page shows what the picture is about. */
  readonly prepare?: (page: Page) => Promise<void>;
}

async function seed({ stack, origin, receiver }: ConsoleWorld): Promise<{ job: string; batch: string }> {
  origin.put("/talks.xml", feedOf(origin.url, TITLES));
  const { body: done } = await stack.call<{ batch_id: string }>("POST", "/jobs", {
    ...{ url: `${origin.url}/talks.xml`, batch: true, folder: "talks", webhook_url: receiver.url },
  });
  await receiver.until((events) => events.some(({ content }) => content.type === "batch_completed"));
  const { body: paused } = await stack.call<{ batch_id: string }>("POST", "/jobs", {
    ...{ url: `${origin.url}/talks.xml`, batch: true, folder: "archive", paused: true },
  });
  const failing = await stack.create({ url: `${origin.url}/status/404` });
  await stack.end(failing);
  const podcast = await stack.create({ url: `${origin.url}/podcast.mp3`, format: "m4a" });
  await stack.end(podcast);
  const { body } = await stack.call<{ jobs: { id: string }[] }>("GET", `/jobs?batch_id=${done.batch_id}`);
  return { job: body.jobs[0]?.id ?? "", batch: paused.batch_id };
}

/** Thirty days of a busy account, always the same. */
const sampleDays = Array.from({ length: 30 }, (_, index) => {
  const weekday = index % 7 < 5;
  const completed = weekday ? 38 + ((index * 17) % 23) : 9 + (index % 5);
  return {
    date: new Date(Date.UTC(2026, 10, index + 1)).toISOString().slice(0, 10),
    completed,
    failed: (index * 5) % 4,
    skipped: index % 6 === 0 ? 2 : 0,
    delivered_bytes: completed * 412_000_000,
  };
});

/** The first frame of the video is visible. */
const showsVideo = async (page: Page): Promise<void> => {
  await page.waitForFunction(() => (document.querySelector("video")?.readyState ?? 0) >= 2);
};

/** Pages that need no key. */
const PAGES = [
  { name: "landing-light", path: "/", colorScheme: "light", isPhone: false },
  { name: "landing-dark", path: "/", colorScheme: "dark", isPhone: false },
  { name: "docs-quick-start-light", path: "/docs/quick-start", colorScheme: "light", isPhone: false },
  { name: "docs-reference-dark", path: "/docs/reference#createJob", colorScheme: "dark", isPhone: false },
  { name: "docs-troubleshooting-phone", path: "/docs/troubleshooting", colorScheme: "light", isPhone: true },
] as const;

async function save(page: Page, name: string): Promise<void> {
  const file = join(FOLDER, `${name}.png`);
  await page.screenshot({ path: file });
  console.log(`${file}: ${statSync(file).size} bytes`);
  if (statSync(file).size > MAX_BYTES) throw new Error(`${file} has more than ${MAX_BYTES} bytes`);
}

const world = await startConsoleWorld();
const browser = await startBrowser();
try {
  const { job, batch } = await seed(world);
  const { stack, origin } = world;
  const shots: Shot[] = [
    { name: "console-overview-light", hash: "#/", theme: "light" },
    {
      name: "console-new-job-light",
      hash: `#/new?url=${encodeURIComponent(`${origin.url}/talk.mp4`)}`,
      prepare: (page) => page.getByRole("heading", { name: "Streams that the job would use" }).waitFor(),
    },
    { name: "console-job-dark", hash: `#/jobs/${job}`, theme: "dark", prepare: showsVideo },
    { name: "console-batch-light", hash: `#/batches/${batch}` },
    { name: "console-usage-light", hash: "#/usage" },
    { name: "console-jobs-phone", hash: "#/jobs", isPhone: true },
    { name: "console-usage-phone-dark", hash: "#/usage", isPhone: true, theme: "dark" },
    { name: "console-health-light", hash: "#/operator/health" },
  ];
  mkdirSync(FOLDER, { recursive: true });
  for (const { name, hash, theme = "light", isPhone = false, prepare } of shots) {
    const context = await browser.open({
      colorScheme: theme,
      viewport: isPhone ? { width: 390, height: 844 } : { width: 1280, height: 860 },
      reducedMotion: "reduce",
    });
    await context.addInitScript(
      ([apiKey, adminToken]) =>
        sessionStorage.setItem("waterspout.credentials", JSON.stringify({ apiKey, adminToken })),
      [stack.apiKey, stack.adminToken] as const,
    );
    const page = await context.newPage();
    await page.route("**/dashboard/daily*", (route) => route.fulfill({ json: { daily_stats: sampleDays } }));
    // readers should see addresses like their own
    await page.route(/\/(jobs|webhooks\/deliveries|dashboard\/batches|batch)\b[^.]*$/, async (route) => {
      if (/\/events$/.test(route.request().url())) return route.continue();
      const response = await route.fetch();
      const text = (await response.text()).replaceAll(origin.url, "https://media.example.com");
      await route.fulfill({ response, body: text });
    });
    await page.goto(`${stack.url}/console${hash}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await prepare?.(page);
    await page.locator(".loading").first().waitFor({ state: "detached" });
    await save(page, name);
    await context.close();
  }
  for (const { name, path, colorScheme, isPhone } of PAGES) {
    const viewport = isPhone ? { width: 390, height: 844 } : { width: 1280, height: 860 };
    const context = await browser.open({ colorScheme, viewport, reducedMotion: "reduce" });
    const page = await context.newPage();
    await page.goto(stack.url + path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await save(page, name);
    await context.close();
  }
} finally {
  await browser.close();
  await world.close();
}
