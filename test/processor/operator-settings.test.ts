import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commonParams } from "../../processor/tools/ytdlp-params.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";
import { startUpstreamProxy, type UpstreamProxy } from "../support/upstream-proxy.ts";

const SECRETS = ["first-password", "second-password", "session-of-the-operator"];

let origin: Origin;
let first: UpstreamProxy;
let second: UpstreamProxy;
let bench: ProcessorBench;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "operator-"));
  const cookies = join(folder, "cookies.txt");
  const jar = ["127.0.0.1", "FALSE", "/", "FALSE", "0", "session", SECRETS[2]].join("\t");
  await writeFile(cookies, `# Netscape HTTP Cookie File\n${jar}\n`);
  [first, second] = await Promise.all([
    startUpstreamProxy("first", "first-password"),
    startUpstreamProxy("second", "second-password"),
  ]);
  origin = await startOrigin({ root: await mediaFolder({ "direct.mp4": ["mp4"], hls: ["hls-ts"] }) });
  bench = await startProcessorBench([origin.host], {
    YTDLP_PROXY: `${first.url},${second.url}`,
    YTDLP_COOKIES_FILE: cookies,
    YTDLP_USER_AGENT: "Operator/1.0",
    YTDLP_EXTRACTOR_ARGS: "youtube:player_client=web,tv",
    YTDLP_POT_PROVIDER_URL: "http://tokens.example:4416",
    YTDLP_POT_PROVIDERS_BY_EXIT: "office=http://office.example:4416",
    YTDLP_SLEEP_REQUESTS: "0.25",
    YTDLP_EXTRACTOR_RETRIES: "1",
  });
}, 60_000);

afterAll(async () => {
  await bench.close();
  await Promise.all([origin.close(), first.close(), second.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** Bytes that went through each proxy during some work. */
async function through(work: () => Promise<unknown>): Promise<[number, number]> {
  const before = [first.bytes, second.bytes] as const;
  await work();
  return [first.bytes - before[0], second.bytes - before[1]];
}

async function deliver(path: string): Promise<number> {
  const outcome = await bench.run(origin.url + path);
  if (outcome.type !== "completed") throw new Error(JSON.stringify(outcome));
  return outcome.delivery.file_size;
}

/** Command lines and environments of all readable processes except this one. */
async function processTexts(): Promise<string> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`);
  const texts = pids.flatMap((pid) =>
    ["cmdline", "environ"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")),
  );
  return (await Promise.all(texts)).join("\n");
}

const probe = (path: string) =>
  bench.processor.app.request("/probe", {
    method: "POST",
    headers: { authorization: `Bearer ${bench.config.processorToken}`, "content-type": "application/json" },
    body: JSON.stringify({ v: 1, kind: "metadata", url: origin.url + path }),
  });

describe("the operator's proxies", () => {
  it("alternate, and one run's extraction and media come through the same one", async () => {
    let size = 0;
    const one = await through(async () => {
      size = await deliver("/direct.mp4");
    });
    const two = await through(() => deliver("/direct.mp4"));
    expect([one[1], two[0]]).toEqual([0, 0]);
    expect(Math.min(one[0], two[1])).toBeGreaterThan(size);
    // nothing reached the origin in any other way
    expect(origin.connections).toBe(first.targets.length + second.targets.length);
  });

  it("stay the same for the run that follows a probe", async () => {
    const probed = await through(async () => probe("/hls/index.m3u8"));
    const ran = await through(() => deliver("/hls/index.m3u8"));
    const used = (bytes: [number, number]) => bytes.map((count) => count > 0);
    expect(used(ran)).toEqual(used(probed));
    expect(used(ran).filter((isUsed) => isUsed)).toHaveLength(1);
  });
});

describe("the operator's other settings", () => {
  it("send the operator's session and User-Agent with extraction and media", async () => {
    origin.behave("/direct.mp4", { cookie: `session=${SECRETS[2]}` });
    const from = origin.requests.length;
    expect(await bench.run(`${origin.url}/direct.mp4?again`)).toMatchObject({ type: "completed" });
    const requests = origin.requests.slice(from);
    expect(requests.length).toBeGreaterThan(1);
    expect(requests.map(({ userAgent }) => userAgent)).toEqual(requests.map(() => "Operator/1.0"));
    origin.behave("/direct.mp4", {});
  });

  it("reach the extractor", () => {
    const tools = { ffmpeg: { path: "f", version: "" }, node: { path: "n", version: "" } };
    expect(commonParams(tools, bench.config, "http://127.0.0.1:1")).toMatchObject({
      extractor_args: {
        youtube: { player_client: ["web", "tv"] },
        "youtubepot-bgutilhttp": { base_url: ["http://tokens.example:4416"] },
      },
      sleep_interval_requests: 0.25,
      extractor_retries: 1,
    });
    // a token is only valid for the address that asked for it
    expect(commonParams(tools, bench.config, "http://127.0.0.1:1", "office")).toMatchObject({
      extractor_args: { "youtubepot-bgutilhttp": { base_url: ["http://office.example:4416"] } },
    });
  });

  it("are in no log, no outcome, no response and no other process", async () => {
    const outcome = await bench.run(`${origin.url}/status/403`);
    const responses = await Promise.all(
      ["/healthz", "/metrics"].map(async (path) => (await bench.processor.app.request(path)).text()),
    );
    const reported = JSON.stringify([bench.logs, bench.worker.heartbeats, outcome, responses]);
    expect(reported).toContain("fault");
    const others = await processTexts();
    for (const secret of SECRETS) expect(reported + others).not.toContain(secret);
  });

  it("stay secret when the proxy does not answer, or refuses them", async () => {
    const wrong = new URL(first.url);
    wrong.password = "mistyped-password";
    const dead = "http://operator:mistyped-password@127.0.0.1:9";
    for (const YTDLP_PROXY of [dead, wrong.href]) {
      const refused = await startProcessorBench([origin.host], { YTDLP_PROXY, YTDLP_EXTRACTOR_RETRIES: "0" });
      try {
        const outcome = await refused.run(`${origin.url}/direct.mp4`);
        expect(outcome).toMatchObject({ type: "failed", code: "network" });
        const reported = JSON.stringify([refused.logs, outcome]);
        for (const secret of ["mistyped-password", btoa("first:mistyped-password")]) {
          expect(reported).not.toContain(secret);
        }
      } finally {
        await refused.close();
      }
    }
  });
});
