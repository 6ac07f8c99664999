import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../processor/config.ts";
import { discoverTools } from "../../processor/tools/discover.ts";
import { spawnTool, type ToolOptions } from "../../processor/tools/exec.ts";
import { openSandbox, type Sandbox, type ToolLimits } from "../../processor/tools/sandbox.ts";
import { listen } from "../support/ports.ts";

/** What a tool may use and reach, tested with programs that want more. */

const MiB = 1 << 20;
const FREE: ToolLimits = { wallMs: 60_000, memoryBytes: null, cpuSeconds: null };
const config = readConfig({
  ...process.env,
  ...{ WORKER_URL: "http://127.0.0.1:1", PROCESSOR_TOKEN: "0123456789abcdef" },
});

let folder: string;
/** The tool's folder, and another run's. */
let own: string;
let other: string;
let python: string;
let sandbox: Sandbox;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "limits-")));
  own = join(folder, "own");
  other = join(folder, "other");
  await Promise.all([mkdir(own), mkdir(other)]);
  await writeFile(join(other, "secret.txt"), "of another caller");
  const tools = await discoverTools(config);
  python = await realpath(tools.ytdlp.python);
  sandbox = tools.sandbox;
});

afterAll(() => rm(folder, { recursive: true }));

async function run(command: string, args: readonly string[], options: Partial<ToolOptions> = {}) {
  const lines: string[] = [];
  const tool = spawnTool({
    ...{ command, args, cwd: own, stdout: "pipe", limits: FREE, sandbox },
    onStdoutLine: (line) => void lines.push(line),
    ...options,
  });
  return { lines, ...(await tool.exited) };
}

const script = (text: string, options: Partial<ToolOptions> = {}) => run(python, ["-I", "-c", text], options);
const walls = (ports: number[] = [], read: string[] = []) => ({ access: { write: [own], read, ports } });

describe("a tool", () => {
  test("gets no more address space than allowed", async () => {
    const wanted = `len(bytearray(${400 * MiB}))`;
    expect(await script(wanted)).toMatchObject({ code: 0 });
    const held = await script(wanted, { limits: { ...FREE, memoryBytes: 256 * MiB } });
    expect(held.code === 0).toBe(!sandbox.isolation.limits);
    if (sandbox.isolation.limits) expect(held.stderrTail).toContain("MemoryError");
  });

  test("is ended when its processor time is used up, and at the latest by its deadline", async () => {
    const limits = { wallMs: sandbox.isolation.limits ? 60_000 : 1500, memoryBytes: null, cpuSeconds: 1 };
    const { limit } = await script("while True: pass", { limits });
    expect(limit).toBe(sandbox.isolation.limits ? "processor time" : "time");
  });

  test("is ended by its deadline when it waits forever", async () => {
    const { limit, code } = await script("import signal; signal.pause()", {
      limits: { ...FREE, wallMs: 300 },
    });
    expect({ limit, code }).toEqual({ limit: "time", code: null });
  });

  test("is ended when it writes more output than allowed", async () => {
    const endless = "import sys\nwhile True: sys.stdout.write('x' * 1000 + '\\n')";
    const { limit, lines } = await script(endless, { maxStdoutBytes: MiB });
    expect(limit).toBe("output");
    expect(lines.join("").length).toBeLessThanOrEqual(MiB);
  });

  test("has its arguments, input, output and third channel", async () => {
    const extra: string[] = [];
    const text = "import os, sys; print(sys.argv[1:]); os.write(3, b'progress=end\\n'); print(os.getcwd())";
    const args = ["-I", "-c", text, "read=/", "--", "a b"];
    const options = { ...walls(), onExtraLine: (line: string) => void extra.push(line) };
    const { lines, code } = await run(python, args, options);
    expect({ code, lines, extra }).toEqual({
      ...{ code: 0, lines: ["['read=/', '--', 'a b']", own], extra: ["progress=end"] },
    });
  });
});

describe("the sandbox", () => {
  /** Where the kernel has no sandbox, a tool runs all the same, and everything is open to it. */
  const isOpen = () => !sandbox.isolation.files;
  const canRead = async (path: string) =>
    (await run("/bin/cat", [path], { ...walls(), stdout: "ignore" })).code === 0;

  test("leaves a tool its own folder", async () => {
    await writeFile(join(own, "mine.txt"), "mine");
    expect(await canRead(join(own, "mine.txt"))).toBe(true);
    expect(await script("open('made.txt', 'w').write('x')", walls())).toMatchObject({ code: 0 });
    expect(await readFile(join(own, "made.txt"), "utf8")).toBe("x");
  });

  test("hides the folders of other runs, the processor's own, and everything of other processes", async () => {
    await symlink(join(other, "secret.txt"), join(own, "link"));
    const hidden = [
      ...[join(other, "secret.txt"), join(own, "link"), join(own, "../other/secret.txt")],
      ...[join(import.meta.dirname, "tool-limits.test.ts"), "/etc/passwd"],
      ...[`/proc/${process.pid}/environ`, `/proc/${process.pid}/cwd/package.json`, "/proc/self/environ"],
    ];
    for (const path of hidden) expect(await canRead(path), path).toBe(isOpen());
  });

  test("lets a tool write nowhere else", async () => {
    for (const path of [join(other, "new.txt"), join(folder, "new.txt"), "/dev/shm/waterspout-new"]) {
      const { code } = await script(`open(${JSON.stringify(path)}, 'w')`, walls());
      expect(code === 0, path).toBe(isOpen());
      await rm(path, { force: true });
    }
    expect((await readdir(other)).sort()).toEqual(["secret.txt"]);
  });

  test("lets a tool connect to the ports it was given, and to no other", async () => {
    const servers = [net.createServer((socket) => socket.end()), net.createServer((socket) => socket.end())];
    const [given = 0, foreign = 0] = await Promise.all(servers.map((server) => listen(server)));
    const connect = (port: number) =>
      script(`import socket; socket.create_connection(('127.0.0.1', ${port}))`, walls([given]));
    expect((await connect(given)).code).toBe(0);
    expect((await connect(foreign)).code === 0).toBe(!sandbox.isolation.network);
    for (const server of servers) server.close();
  });

  test("lets a tool signal no process outside", async () => {
    const { code } = await script(`import os; os.kill(${process.pid}, 0)`, walls());
    expect(code === 0).toBe(!sandbox.isolation.signals);
  });
});

describe("a machine without a sandbox", () => {
  test("runs its tools all the same, and reports it", async () => {
    const without = openSandbox(python, config, undefined);
    expect(without.isolation).toEqual({ files: false, network: false, signals: false, limits: false });
    const { lines } = await script("print('ran')", { sandbox: without, ...walls() });
    expect(lines).toEqual(["ran"]);
    const onlyLimits = openSandbox(
      python,
      config,
      '{"files": false, "network": false, "signals": false, "limits": true}',
    );
    const limited = { sandbox: onlyLimits, ...walls(), limits: { ...FREE, memoryBytes: 1 << 30 } };
    expect(await script("open('/etc/passwd')", limited)).toMatchObject({ code: 0 });
  });

  test("refuses to start where the operator requires one", () => {
    const strict = { ...config, toolIsolation: "required" as const };
    expect(() => openSandbox(python, strict, undefined)).toThrow(/TOOL_ISOLATION is required/);
    const all = '{"files": true, "network": true, "signals": true, "limits": true}';
    expect(openSandbox(python, strict, all).isolation.files).toBe(true);
    const off = { ...config, toolIsolation: "off" as const };
    expect(openSandbox(python, off, all).isolation).toEqual({
      ...{ files: false, network: false, signals: false },
      limits: true,
    });
  });
});
