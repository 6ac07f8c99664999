import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import { type Checkout, makeCheckout, type RunningCommand } from "../support/checkout.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { shownPrograms } from "../support/readme.ts";
import { inRepository } from "../support/repository.ts";
import { runSamples } from "../support/run-samples.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/** The command line as a person uses it in a clone, next to the stack that `npm start` runs there. */

const FEED = Buffer.from(
  `<rss version="2.0"><channel><title>A show</title><item><title>The first</title><guid>1</guid>
  <enclosure url="/talk.mp4" type="video/mp4" length="1"/></item></channel></rss>`,
);

let checkout: Checkout;
let origin: Origin;
let stack: TestStack;

beforeAll(async () => {
  checkout = makeCheckout();
  const file = readFileSync(await media("mp4", { seconds: 4, width: 320, height: 180 }));
  origin = await startOrigin({
    bodies: { "/talk.mp4": file, "/slow.mp4": file, "/feed.xml": FEED },
  });
  origin.behave("/slow.mp4", { bytesPerSecond: 2_000 });
  stack = await startTestStack({
    stateDir: join(checkout.path, ".waterspout"),
    env: { ALLOWED_PRIVATE_HOSTS: origin.host, HEARTBEAT_SECONDS: "1" },
  });
}, 120_000);

afterAll(async () => {
  await stack.stop();
  await origin.close();
  checkout.remove();
});

const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Without npx, which takes seconds. */
const start = (words: string, env?: Readonly<Record<string, string>>): RunningCommand =>
  checkout.start(`node bin/waterspout.mjs ${words}`, env);

async function waterspout(words: string): Promise<{ code: number | null; output: string }> {
  const command = start(words);
  return { code: await command.ended, output: command.output() };
}

describe("npx waterspout", () => {
  it("delivers a file with a progress bar on a terminal, and fetches it", async () => {
    const words = `npx waterspout get ${origin.url}/talk.mp4 -o "my talk.mp4"`;
    const command = checkout.start(`script -qec '${words}' /dev/null`);
    expect(await command.ended, command.output()).toBe(0);
    const full = (label: string) => `\r\x1b[K  ${label.padEnd(11)} ${"█".repeat(30)} 100 %`;
    expect(command.output()).toContain(full("Finished"));
    expect(command.output()).toContain(full("Fetching"));
    const path = join(checkout.path, "my talk.mp4");
    expect(command.output()).toContain(sha256(path));
    expect(command.output()).toContain(`saved as`);
    expect(command.output()).toContain(path);
    expect(command.output()).not.toContain(stack.apiKey);
    expect(existsSync(`${path}.part`)).toBe(false);
  }, 60_000);
});

describe("waterspout", () => {
  it("prints one document for programs, and exits with the code of success", async () => {
    const { code, output } = await waterspout(`get ${origin.url}/talk.mp4 --format mkv --json`);
    const job = JSON.parse(output) as Job;
    expect([code, job.status]).toEqual([0, "Completed"]);
    expect(job.s3_key).toMatch(/^local\/videos\/talk \[talk-[0-9a-f]{8}\]\.mkv$/);
    const listed = await waterspout("list --status completed --json");
    expect(
      listed.output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).id),
    ).toContain(job.id);
    const deleted = await waterspout(`delete-file ${job.id}`);
    expect(deleted).toMatchObject({
      code: 0,
      output: `File deleted successfully: ${job.s3_key}\n`,
    });
  }, 60_000);

  it("exits with 1 when the job delivers no file, and with 3 when the API refuses", async () => {
    const failed = await waterspout(`get ${origin.url}/status/404`);
    expect(failed.code).toBe(1);
    expect(failed.output).toContain("The job ended Warning: This media is not available or was removed");
    const refused = await waterspout(`get ${origin.url}/talk.mp4 --clip-start 5 --clip-end 3`);
    expect(refused).toEqual({ code: 3, output: "waterspout: clip_end must be greater than clip_start\n" });
  }, 60_000);

  it("leaves the job running when the person stops waiting, and cancels it when asked", async () => {
    const command = start(`get ${origin.url}/slow.mp4`);
    await command.printed("Downloading");
    command.process.kill("SIGINT");
    expect(await command.ended).toBe(130);
    const [, id = ""] = /to follow it again: waterspout wait (\S+)/.exec(command.output()) ?? [];
    expect((await stack.job(id)).status).toBe("Processing");
    expect(await waterspout(`cancel ${id}`)).toEqual({ code: 0, output: "Job cancelled successfully\n" });
    expect(await waterspout(`wait ${id}`)).toMatchObject({ code: 1 });
  }, 60_000);

  it("says that a host does not exist, and when the job is tried again", async () => {
    const command = start("get http://no-such-host.example.com/talk.mp4");
    // a resolver without a network cannot report that a name does not exist
    const sentence =
      /(does not exist; check the URL|failed or broke off)\. It will be tried again in \d+ s, at/;
    await command.printed("It will be tried again");
    expect(command.output()).toMatch(sentence);
    command.process.kill("SIGINT");
    expect(await command.ended).toBe(130);
    const [, id = ""] = /^job (\S+)$/m.exec(command.output()) ?? [];
    expect((await waterspout(`show ${id}`)).output).toMatch(/^ {2}next try {3}\d/m);
    await waterspout(`cancel ${id}`);
  }, 60_000);

  it("names ALLOWED_PRIVATE_HOSTS to the person who runs the server", async () => {
    const { code, output } = await waterspout("get http://10.0.0.1/talk.mp4");
    expect(code).toBe(3);
    expect(output).toContain("must be a public address");
    expect(output).toContain("start the server with ALLOWED_PRIVATE_HOSTS=host:port");
  }, 30_000);

  it("shows the account's storage, and says that there is none to test or remove", async () => {
    expect((await waterspout("storage")).output).toContain("its jobs use the managed bucket");
    expect((await waterspout("storage test")).code).toBe(3);
    expect((await waterspout("storage forget")).code).toBe(3);
  }, 30_000);

  it("delivers several URLs, one of which is refused, and downloads them", async () => {
    const { code, output } = await waterspout(
      `get ${origin.url}/talk.mp4 ${origin.url}/status/404 not-a-url ${origin.url}/talk.mp4?again --folder many -o files/`,
    );
    expect(code).toBe(1);
    expect(output).toContain("not-a-url: url must be an http or https URL");
    expect(output).toContain("Delivered 2 of 4 URLs.");
    expect(output.match(/saved as +\S.*files\/talk/g)).toHaveLength(2);
  }, 60_000);

  it("serves the operator with the local stack's token", async () => {
    const created = await waterspout("keys create reader --json");
    const { id, api_key } = JSON.parse(created.output) as { id: string; api_key: string };
    const env = { WATERSPOUT_API_KEY: api_key };
    expect(await start("usage", env).ended).toBe(0);
    expect((await waterspout("keys")).output).toContain(`${id}  reader`);
    expect((await waterspout(`keys revoke ${id}`)).code).toBe(0);
  }, 60_000);

  it("says so when the server does not answer", async () => {
    const command = start("cancel 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17", {
      WATERSPOUT_URL: "http://127.0.0.1:1",
      WATERSPOUT_API_KEY: "sk",
    });
    expect(await command.ended).toBe(4);
    expect(command.output()).toMatch(/^waterspout: http:\/\/127\.0\.0\.1:1 cannot be reached: .+\n$/);
  }, 30_000);
});

it.each(shownPrograms())(
  "runs the program of %s",
  async (_, program) => {
    const own = program
      .replaceAll("http://127.0.0.1:8787", stack.url)
      .replaceAll("https://example.com", origin.url);
    writeFileSync(join(checkout.path, "program.ts"), own);
    const command = checkout.start("node_modules/.bin/node program.ts", { WATERSPOUT_API_KEY: stack.apiKey });
    expect(await command.ended, command.output()).toBe(0);
    expect(command.output()).toMatch(/^Finished\nCompleted http/m);
  },
  60_000,
);

describe("the reference", () => {
  it("has samples that run as they stand", async () => {
    const { api_key } = JSON.parse((await waterspout("keys create samples --json")).output) as {
      api_key: string;
    };
    const job = await stack.end(await stack.create({ url: `${origin.url}/talk.mp4` }));
    const batch = await stack.call<{ batch_id: string }>("POST", "/jobs/bulk", {
      jobs: [{ url: `${origin.url}/talk.mp4`, filename: "in a batch" }],
      paused: true,
    });
    const subscription = await stack.call<{ id: string }>("POST", "/subscriptions", {
      url: `${origin.url}/feed.xml`,
    });
    const { admin_token } = JSON.parse(
      readFileSync(join(checkout.path, ".waterspout", "local.json"), "utf8"),
    ) as { admin_token: string };
    const operate = async <T>(path: string, body: object): Promise<T> => {
      const headers = { authorization: `Bearer ${admin_token}`, "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify(body) };
      return (await (await fetch(stack.url + path, init)).json()) as T;
    };
    const account = await operate<{ id: string }>("/admin/accounts", { name: "samples" });
    const key = await operate<{ id: string }>(`/admin/accounts/${account.id}/keys`, {});
    const denial = await operate<{ id: string }>("/admin/denied", {
      ...{ kind: "site", value: "denied.example.org" },
    });
    const results = await runSamples(stack.url, origin.url, {
      ...{ WATERSPOUT_API_KEY: api_key, WATERSPOUT_ADMIN_TOKEN: admin_token },
      ...{ JOB: job.id, BATCH: batch.body.batch_id, DELIVERY: job.id },
      ...{ ACCOUNT: account.id, KEY_ID: key.id, SUBSCRIPTION: subscription.body.id, FILE: "none.mp4" },
      ...{ SITE: "youtube.com", EXIT: "de-1", DENIAL: denial.id, ERASURE: account.id },
    });
    // a proxy that does not exist would keep all later jobs waiting
    await fetch(`${stack.url}/admin/exits/de-1`, {
      ...{ method: "DELETE", headers: { authorization: `Bearer ${admin_token}` } },
    });
    // the buckets of the samples do not exist
    const expected = new Set([null, "not_found", "storage_verification_failed"]);
    // the job has ended, and an earlier sample has already cancelled the batch, deleted the file or rolled the key
    const tooLate = new Set(["cancelJob", "retryJob", "deleteFile", "renameJobs", "startBatch", "rollKey"]);
    const isExpected = (operation: string, code: string | null): boolean =>
      expected.has(code) || (code === "invalid_request" && tooLate.has(operation));
    expect(results.filter(([, operation, code]) => !isExpected(operation, code))).toEqual([]);
    const succeeded = results.filter(([, , code]) => code === null);
    expect(new Set(succeeded.map(([language]) => language)).size).toBe(3);
    expect(succeeded.length).toBeGreaterThan(100);
  }, 180_000);

  it("gives clients of third parties that type-check and work", async () => {
    const folder = inRepository("test", "third-party");
    const tool = (name: string) =>
      join(name === "oazapfts" ? inRepository() : folder, "node_modules", ".bin", name);
    const run = promisify(execFile);
    mkdirSync(join(folder, "generated"), { recursive: true });
    const document = join(folder, "generated", "openapi.json");
    writeFileSync(document, await (await fetch(`${stack.url}/openapi.json`)).text());
    await run(tool("openapi-typescript"), [
      document,
      "-o",
      join(folder, "generated", "openapi-typescript.ts"),
    ]);
    await run(tool("oazapfts"), [document, join(folder, "generated", "oazapfts.ts")]);
    await run(tool("tsc"), ["-p", folder]);

    const env = {
      ...{ PATH: process.env.PATH ?? "", WATERSPOUT_URL: stack.url, WATERSPOUT_API_KEY: stack.apiKey },
      MEDIA_URL: `${origin.url}/talk.mp4`,
    };
    const program = async (name: string) =>
      (await run(inRepository("node_modules", ".bin", "node"), [join(folder, name)], { env })).stdout;
    expect(await program("openapi-fetch.ts")).toMatch(/^Completed \d+\ninvalid_request url\n$/);
    expect(await program("oazapfts.ts")).toBe("vp9 video_codec\ntrue\n");
  }, 300_000);
});
