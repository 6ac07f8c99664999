import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CookieUse } from "../../schema/wire/cookies.ts";
import { mediaFolder } from "../support/media.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";
import { filesWith, processesWith } from "../support/secret-search.ts";
import { type SessionSite, startSessionSite } from "../support/session-site.ts";

const SECRET = "canary-of-a-session-7Qk2";

let site: SessionSite;
let bench: ProcessorBench;

beforeAll(async () => {
  site = await startSessionSite(await mediaFolder({ "direct.mp4": ["mp4"], hls: ["hls-ts"] }), SECRET);
  bench = await startProcessorBench(site.hosts);
}, 60_000);

afterAll(async () => {
  await bench.close();
  await site.close();
});

afterEach(() => {
  site.revive();
  expect(site.strays()).toEqual([]);
});

const jar = (change: Partial<CookieUse["jar"]> = {}): NonNullable<CookieUse["jar"]> => ({
  ...{ id: randomUUID(), site: "127.0.0.1", owner: "account", text: site.jar(), exit: null },
  ...change,
});

/** Runs a job, and reports what the site saw of it. */
async function run(path: string, cookies: CookieUse) {
  const from = site.visits.length;
  const outcome = await bench.run(site.url + path, {}, { cookies });
  const seen = site.visits.slice(from);
  const pages = seen.filter(({ at }) => at === "site").map(({ cookie }) => cookie !== "");
  return { outcome, seen, pages };
}

const probe = async (path: string, cookies: CookieUse) => {
  const response = await bench.processor.app.request("/probe", {
    method: "POST",
    headers: { authorization: `Bearer ${bench.config.processorToken}`, "content-type": "application/json" },
    body: JSON.stringify({ v: 1, kind: "metadata", url: site.url + path, cookies }),
  });
  return ((await response.json()) as { outcome: Record<string, unknown> }).outcome;
};

describe("stored cookies", () => {
  it("serve a job whose source refused an anonymous visitor, within the same run", async () => {
    const use = { mode: "fallback", jar: jar() } as const;
    const { outcome, pages } = await run("/watch", use);
    if (outcome.type !== "completed") throw new Error(JSON.stringify(outcome));
    expect(pages[0]).toBe(false);
    expect(pages.slice(1)).toEqual(pages.slice(1).map(() => true));
    expect(outcome.delivery.adjustments).toContainEqual({
      ...{ field: "cookies", from: "fallback", to: "account" },
      reason: "The source refused a visitor without a session, so the account's cookies were used",
    });
    // the site gave the session a new cookie, and one that the jar did not have; the foreign one was never used
    expect(outcome.cookies).toMatchObject({ id: use.jar.id, result: "accepted" });
    const updated = outcome.cookies?.updated ?? "";
    expect(updated).toContain(`\tsid\t${site.session}\n`);
    expect(updated).toContain("\tseen\t1\n");
    expect(updated).not.toContain("foreign");
  });

  it("serve HLS whose segments are elsewhere, from the first request on if asked", async () => {
    const { outcome, pages } = await run("/watch-hls", { mode: "always", jar: jar() });
    expect(outcome).toMatchObject({ type: "completed", cookies: { result: "accepted" } });
    expect(pages).toEqual(pages.map(() => true));
  });

  it("are not sent if nobody asks for them, and never if the request says so", async () => {
    const open = await run("/open", { mode: "fallback", jar: jar() });
    expect(open.outcome.type).toBe("completed");
    expect(open.outcome).not.toHaveProperty("cookies");
    const never = await run("/watch", { mode: "never", jar: jar() });
    expect(never.outcome).toMatchObject({ type: "failed", code: "bot_check" });
    expect([...open.pages, ...never.pages].filter((hasCookie) => hasCookie)).toEqual([]);
  });

  it("are reported as refused when the session has expired", async () => {
    site.expire();
    const use = { mode: "fallback", jar: jar() } as const;
    const { outcome, pages } = await run("/watch", use);
    expect(outcome).toMatchObject({
      type: "failed",
      code: "bot_check",
      cookies: { id: use.jar.id, result: "refused" },
    });
    expect(pages).toEqual([false, true]);
  });

  it("serve probes, whose finds are not shared with others", async () => {
    expect(await probe("/watch", { mode: "fallback", jar: jar() })).toMatchObject({
      type: "found",
      media: { title: "For members" },
      cookies: { result: "accepted", updated: expect.stringContaining(site.session) },
    });
    const { outcome } = await run("/watch", { mode: "fallback", jar: null });
    expect(outcome).toMatchObject({ type: "failed", code: "bot_check" });
    const other = await run("/watch", { mode: "fallback", jar: jar({ text: expiredJar() }) });
    expect(other.outcome).toMatchObject({ type: "failed", cookies: { result: "refused" } });
  });

  it("are in no file, argument, log or error while a run uses them and after it", async () => {
    const release = site.hold();
    const from = site.visits.length;
    const id = await bench.submit(`${site.url}/watch`, {}, { cookies: { mode: "always", jar: jar() } });
    await expect
      .poll(() => site.visits.slice(from).some(({ at }) => at === "elsewhere"), { timeout: 60_000 })
      .toBe(true);
    const places = [await filesWith(bench.config.workDir, [SECRET]), await processesWith([SECRET])];
    release();
    expect((await bench.worker.outcome(id)).type).toBe("completed");
    site.expire();
    const { outcome } = await run("/watch", { mode: "always", jar: jar() });
    expect(places).toEqual([[], []]);
    expect(JSON.stringify([bench.logs, bench.worker.heartbeats, outcome])).not.toContain(SECRET);
    expect(await bench.remainingFiles()).toEqual([]);
  });
});

const expiredJar = () => `127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsid\t${SECRET}-0\n`;
