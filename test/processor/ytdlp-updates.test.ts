import { mkdirSync, writeFileSync } from "node:fs";
import { appendFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ProcessorConfig, readConfig } from "../../processor/config.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { ExtractorVersions } from "../../processor/tools/extractor-versions.ts";
import { Candidates } from "../../processor/tools/updates/candidates.ts";
import { makeWheel, type PackageIndex, startPackageIndex } from "../support/package-index.ts";
import { writeWheelSource } from "../support/ytdlp-copies.ts";

/** `YTDLP_AUTO_UPDATE`: the processor fetches a newer yt-dlp from an index. */

const NEWER = "2099.1.1";
const EVEN_NEWER = "2099.2.2";

let folder: string;
let index: PackageIndex;
let config: ProcessorConfig;
let tools: Tools;
let proxy: EgressProxy;
let wheel: { readonly file: string; readonly bytes: Buffer };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "updates-"));
  index = await startPackageIndex();
  config = readConfig({
    ...process.env,
    ...{ WORKER_URL: "http://127.0.0.1:9", PROCESSOR_TOKEN: "0123456789abcdef" },
    ...{ WORK_DIR: join(folder, "work"), YTDLP_UPDATE_DIR: join(folder, "updates") },
    ...{ YTDLP_AUTO_UPDATE: "true", PIP_INDEX_URL: index.url },
  });
  tools = await discoverTools(config);
  proxy = await EgressProxy.start(new EgressPolicy({ opened: new Set() }));
  const { python } = tools.ytdlp;
  const plugin = join(folder, "plugin");
  mkdirSync(plugin);
  writeFileSync(join(plugin, "plugin_of_tests.py"), "");
  const pot = makeWheel(python, plugin, { name: "bgutil_ytdlp_pot_provider", version: await pinnedPlugin() });
  index.publish(pot.file, pot.bytes);
  const source = writeWheelSource(tools.ytdlp, join(folder, "wheel"), { name: "newer", version: NEWER });
  wheel = makeWheel(python, source, { name: "yt_dlp", version: NEWER });
  index.publish(wheel.file, wheel.bytes);
}, 120_000);

afterAll(async () => {
  await proxy.close();
  await index.close();
  await rm(folder, { recursive: true, force: true });
});

async function pinnedPlugin(): Promise<string> {
  const lines = await readFile(new URL("../../processor/requirements.in", import.meta.url), "utf8");
  return /^bgutil-ytdlp-pot-provider==(\S+)/m.exec(lines)?.[1] ?? "";
}

/** A processor's start, with the versions that it has afterwards. */
async function started(change: Partial<ProcessorConfig> = {}) {
  const versions = new ExtractorVersions({ tools, config, proxy });
  const own = { ...config, ...change };
  const candidates = new Candidates({ config: own, pinned: tools.ytdlp, versions, log: () => {} });
  await candidates.settled;
  const { candidate } = versions;
  const result = {
    version: candidate?.version ?? null,
    failure: candidates.failure,
    pid: candidate?.pool.pid,
  };
  candidates.close();
  await versions.close();
  return result;
}

const kept = async () => (await readdir(config.ytdlpUpdateDir)).sort();

it("fetches the newest, keeps it for the next start, and uses nothing that was changed or lied about", async () => {
  expect(await started({ ytdlpAutoUpdate: false })).toMatchObject({ version: null, failure: null });
  expect(index.requests).toEqual([]);

  expect(await started()).toMatchObject({ version: NEWER, failure: null, pid: expect.any(Number) });
  expect(await kept()).toEqual([NEWER, `${NEWER}.json`]);
  const record = JSON.parse(await readFile(join(config.ytdlpUpdateDir, `${NEWER}.json`), "utf8"));
  expect(record).toMatchObject({ version: NEWER, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(record.lock).toMatch(new RegExp(`^yt-dlp==${NEWER} .*\\n +--hash=sha256:[0-9a-f]{64}$`, "m"));

  // the next start needs no index, and says that the newest could not be looked for
  const offline = await started({ packageIndex: "http://127.0.0.1:9/simple" });
  expect(offline).toMatchObject({ version: NEWER, failure: expect.stringMatching(/could not be fetched/) });

  // a release whose file is not what the index published
  const other = { file: wheel.file.replace(NEWER, EVEN_NEWER), bytes: wheel.bytes };
  index.publish(other.file, other.bytes, "0".repeat(64));
  const lied = await started();
  expect(lied.version).toBe(NEWER);
  expect(lied.failure).toMatch(/could not be fetched/);
  expect(await kept()).toEqual([NEWER, `${NEWER}.json`]);

  // what was changed on the disk is not used
  await appendFile(join(config.ytdlpUpdateDir, NEWER, "yt_dlp", "version.py"), "\n# changed\n");
  expect(await started({ packageIndex: "http://127.0.0.1:9/simple" })).toMatchObject({ version: null });
}, 180_000);
