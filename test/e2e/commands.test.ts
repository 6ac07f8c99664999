import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { runScheduled } from "../../bin/stack/platform/control.ts";
import { controlFile } from "../../bin/stack/worker.ts";
import type { Job } from "../../schema/api/job.ts";
import { type Checkout, makeCheckout, type RunningCommand } from "../support/checkout.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { freePort } from "../support/ports.ts";
import { SESSIONS, sessionOf, shellBlocks } from "../support/readme.ts";
import { startS3 } from "../support/s3-server.ts";

/** The commands of the README as a person runs them, in a fresh copy of the repository. */

let checkout: Checkout;
let origin: Origin;

beforeAll(async () => {
  checkout = makeCheckout();
  const file = await media("mp4", { seconds: 12, width: 640, height: 360, videoBitrate: 4_000_000 });
  origin = await startOrigin({
    bodies: { "/talk.mp4": readFileSync(file), "/slow.mp4": readFileSync(file) },
  });
}, 60_000);

afterEach(() => {
  // what a failed test left is ended here, so that the next test does not fail with it
  expect(checkout.kill()).toEqual([]);
});

afterAll(async () => {
  checkout.remove();
  await origin.close();
});

/** The output of the sessions on pages. */
const SHOWN: Readonly<Record<string, readonly RegExp[]>> = {
  "README.md": [/"status":"Completed"/, /saved as .*talk\.mp4/],
  "docs/quick-start.md": [/"reason":"webm holds VP8, VP9 or AV1"/, /"status":"Completed"/],
  "docs/batches.md": [/"updated":1/, /event: status[\s\S]*"completed"/],
  "docs/troubleshooting.md": [/^ok +database +it works$/m],
};

interface LocalFile {
  readonly url: string;
  readonly api_key: string;
  readonly admin_token: string;
  readonly processor_url: string;
  readonly pid: number;
}

const localFile = (): string => join(checkout.path, ".waterspout", "local.json");
const readLocalFile = (): LocalFile => JSON.parse(readFileSync(localFile(), "utf8"));

async function start(env: Readonly<Record<string, string>> = {}): Promise<RunningCommand & LocalFile> {
  const opened = { ALLOWED_PRIVATE_HOSTS: origin.host, PORT: `${await freePort()}` };
  const command = checkout.start("npm start", { ...opened, ...env });
  await command.printed("Waterspout is running.");
  return { ...command, ...readLocalFile() };
}

async function stop(command: RunningCommand): Promise<void> {
  command.process.kill("SIGTERM");
  expect(await command.ended).toBe(0);
}

describe("npm run demo", () => {
  it.each(["first", "second"])(
    "delivers a sample video and cleans up, the %s time",
    async () => {
      const demo = checkout.start("npm run demo");
      expect(await demo.ended, demo.output()).toBe(0);
      expect(demo.output()).toMatch(/Finished +█+ 100 %/);
      expect(demo.output()).toMatch(/local\/videos\/sample \[sample-[0-9a-f]{8}\]\.mp4/);
      expect(demo.output()).toMatch(/SHA-256 +[0-9a-f]{64} \(equal to the job's\)/);
      expect(demo.output()).toContain("video: h264 1280×720");
    },
    60_000,
  );

  it("delivers a URL of the user's", async () => {
    const demo = checkout.start(`npm run demo -- ${origin.url}/talk.mp4`, {
      ALLOWED_PRIVATE_HOSTS: origin.host,
    });
    expect(await demo.ended, demo.output()).toBe(0);
    expect(demo.output()).toContain("video: h264 640×360");
  }, 60_000);

  it("reports in one sentence why a job failed, and exits with 1", async () => {
    const demo = checkout.start(`npm run demo -- ${origin.url}/status/404`, {
      ALLOWED_PRIVATE_HOSTS: origin.host,
    });
    expect(await demo.ended).toBe(1);
    expect(demo.output()).toContain("The job ended Warning: This media is not available or was removed");
  }, 60_000);
});

describe("npm start", () => {
  it("runs the commands of the README and of the guides, keeps its secrets private and stops cleanly", async () => {
    const [receiverPort, s3] = await Promise.all([freePort(), startS3()]);
    const hosts = [origin.host, new URL(s3.endpoint).host];
    const followGuide = async ({ url }: LocalFile) => {
      const command = (name: string) =>
        bashOf(
          (shellBlocks("docs/quick-start.md").find((block) => block.name === name)?.commands ?? "")
            .replaceAll("http://127.0.0.1:8787", url)
            .replaceAll("https://example.com", origin.url)
            .replaceAll("3000", `${receiverPort}`)
            .replace("https://s3.eu-central-1.amazonaws.com", s3.endpoint)
            .replace("my-media", s3.bucket)
            .replace("AKIA…", s3.accessKeyId)
            .replace('"secret_key": "…"', `"secret_key": "${s3.secretAccessKey}"`),
        );
      const receiver = checkout.start(command("receiver"));
      await receiver.printed("listening on port");
      const env = { KEY: readLocalFile().api_key };
      const bucket = checkout.start(command("bucket"), env);
      expect(await bucket.ended).toBe(0);
      expect(bucket.output()).toContain('"container_or_bucket":"media"');
      const job = checkout.start(command("webhook"), env);
      expect(await job.ended).toBe(0);
      await receiver.printed('"type":"job_completed"');
      receiver.process.kill("SIGTERM");
      await receiver.ended;
      // later jobs of this account go to the managed bucket again
      const removed = await fetch(`${url}/user/s3`, {
        method: "DELETE",
        headers: { "x-api-key": env.KEY },
      });
      expect(removed.status).toBe(200);
      await s3.close();
    };
    // the start of the guide, with the hosts of the stand-ins
    const [assignment = "", ...program] =
      shellBlocks("docs/quick-start.md")
        .find(({ name }) => name === "start")
        ?.commands.split(" ") ?? [];
    const [variable = "", allowed = ""] = assignment.split("=");
    const receiverHost = allowed.replace("3000", `${receiverPort}`);
    expect(program.join(" ")).toBe("npm start");
    const stack = await start({ [variable]: [receiverHost, ...hosts].join(",") });
    expect(stack.pid).toBeGreaterThan(0);
    for (const name of ["local.json", "secrets.json"]) {
      expect(statSync(join(checkout.path, ".waterspout", name)).mode & 0o777).toBe(0o600);
    }
    const commandLines = checkout.commandLines();
    expect(commandLines.length).toBeGreaterThan(4);
    expect(commandLines.filter((line) => line.includes(stack.admin_token))).toEqual([]);

    for (const page of SESSIONS) {
      const session = sessionOf(page)
        .join("\n")
        .replaceAll("http://127.0.0.1:8787", stack.url)
        .replaceAll("https://example.com", origin.url);
      const reader = checkout.start(bashOf(session));
      expect(await reader.ended, `${page}: ${reader.output()}`).toBe(0);
      expect([page, reader.output()]).toEqual([page, expect.not.stringContaining('"error":"')]);
      for (const text of SHOWN[page] ?? []) expect(reader.output()).toMatch(text);
    }

    await followGuide(stack);

    const second = checkout.start("npm start", { PORT: `${await freePort()}` });
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(`already (process ${stack.pid})`);

    await stop(stack);
    expect(existsSync(localFile())).toBe(false);
  }, 180_000);

  it("says so when the port is taken", async () => {
    const command = checkout.start("npm start", { PORT: new URL(origin.url).port });
    expect(await command.ended).toBe(1);
    expect(command.output()).toContain(`Port ${new URL(origin.url).port} is in use. Set PORT to another one`);
  }, 30_000);

  it("finishes the interrupted job after everything was killed in the middle of a download", async () => {
    const killed = await start({ LEASE_SECONDS: "3", HEARTBEAT_SECONDS: "1" });
    origin.behave("/slow.mp4", { bytesPerSecond: 40_000 });
    const { job_id: id } = await call<{ job_id: string }>(killed, "/jobs", { url: `${origin.url}/slow.mp4` });
    await vi.waitFor(() => expect(origin.bytes.get("/slow.mp4")).toBeGreaterThan(200_000), {
      timeout: 20_000,
    });
    checkout.kill();
    await killed.ended;

    origin.behave("/slow.mp4", {});
    // with the usual lease: a busy machine would lose a short one again and again, and the job its attempts
    const stack = await start();
    expect(stack.api_key).toBe(killed.api_key);
    const job = await vi.waitFor(
      async () => {
        await runScheduled(controlFile(join(checkout.path, ".waterspout")));
        const found = await call<Job>(stack, `/jobs/${id}`);
        expect(found.status, found.error ?? "").toBe("Completed");
        return found;
      },
      { timeout: 60_000, interval: 300 },
    );
    expect(job.attempt).toBe(2);
    expect((await fetch(job.s3_url ?? "", { headers: { range: "bytes=0-0" } })).status).toBe(206);
    await stop(stack);
  }, 120_000);
});

/** The commands as a person's shell runs them. */
const bashOf = (commands: string): string => `bash -euo pipefail -c '${commands.replaceAll("'", "'\\''")}'`;

async function call<T>(stack: LocalFile, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${stack.url}${path}`, {
    headers: { "x-api-key": stack.api_key, "content-type": "application/json" },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  return (await response.json()) as T;
}
