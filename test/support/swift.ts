import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AwsClient } from "aws4fetch";
import { freePort } from "./ports.ts";
import type { S3Server } from "./s3-server.ts";

const run = promisify(execFile);

const PACKAGES = ["swift-proxy", "swift-account", "swift-container", "swift-object", "memcached"];
const PROGRAMS = ["/usr/bin/swift-proxy-server", "/usr/bin/swift-object-server", "/usr/bin/memcached"];
/** The Python that the packages are made for. */
const PYTHON = "/usr/bin/python3";
const SERVERS = ["account", "container", "object", "proxy"] as const;
type Ports = Record<(typeof SERVERS)[number] | "memcached", number>;

const CREDENTIALS = { accessKeyId: "test:tester", secretAccessKey: "testing-secret-of-swift" };
const REGION = "us-east-1";
const BUCKET = "media";

/** Installs without starting the services that the packages contain. */
const INSTALL = `
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then printf '#!/bin/sh\\nexit 101\\n' > $policy; chmod +x $policy; trap 'rm -f $policy' EXIT; fi
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
`;

/** Writes which server stores what: everything is on one device. */
const MAKE_RINGS = `
import sys
folder = sys.argv[1]
from swift.common import utils
utils.set_swift_dir(folder)
from swift.common.ring import RingBuilder
for entry in sys.argv[2:]:
    name, port = entry.split(":")
    builder = RingBuilder(4, 1, 1)
    builder.add_dev(dict(id=0, region=1, zone=1, ip="127.0.0.1", port=int(port), device="d1", weight=1.0,
                         replication_ip="127.0.0.1", replication_port=int(port), meta=""))
    builder.rebalance()
    builder.get_ring().save(folder + "/" + name + ".ring.gz")
`;

/** Starts one server with all its configuration in the test's folder instead of in /etc. */
const LAUNCH = `
import sys
folder, name = sys.argv[1:]
from swift.common import utils
utils.set_swift_dir(folder)
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(folder + "/" + name + "-server.conf", name + "-server", verbose=False))
`;

/**
 * OpenStack Swift with its S3 interface, as Debian packages it: an S3 server that shares no code with the embedded one
 * and that is strict about signatures, digests and part sizes. Installed if it is missing.
 *
 * @throws Error with a sentence when it can be neither found nor installed
 */
export async function startSwift(): Promise<S3Server> {
  await install();
  const folder = await mkdtemp(join(tmpdir(), "swift-"));
  const ports = await configure(folder);
  const children = [memcached(ports.memcached), ...SERVERS.map((name) => launch(folder, name))];
  const endpoint = `http://127.0.0.1:${ports.proxy}`;
  const client = new AwsClient({ ...CREDENTIALS, service: "s3", region: REGION, retries: 0 });
  const close = async () => {
    await Promise.all(children.map(stop));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(() => responses(`${endpoint}/healthcheck`), "Swift's proxy server");
    await until(async () => {
      const made = await client.fetch(`${endpoint}/${BUCKET}`, { method: "PUT" });
      await made.text();
      return made.ok;
    }, "Swift's storage servers");
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...CREDENTIALS,
    ...{ endpoint, bucket: BUCKET, region: REGION, close },
    async unfinishedUploads() {
      const response = await client.fetch(`${endpoint}/${BUCKET}?uploads`);
      return [...(await response.text()).matchAll(/<Upload><Key>([^<]*)/g)].map((match) => match[1] ?? "");
    },
  };
}

async function install(): Promise<void> {
  if (PROGRAMS.every((program) => existsSync(program))) return;
  const root = process.getuid?.() === 0;
  const [command, ...args] = [
    ...(root ? [] : ["sudo", "-n"]),
    "sh",
    "-euc",
    INSTALL,
    "install-swift",
    ...PACKAGES,
  ];
  try {
    await run(command ?? "sh", args);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n").slice(-3).join(" ") : "";
    throw new Error(
      `This test needs OpenStack Swift as a second S3 server. Install it once as root: apt-get install ${PACKAGES.join(" ")} (${reason})`,
    );
  }
}

async function configure(folder: string): Promise<Ports> {
  await mkdir(join(folder, "node", "d1"), { recursive: true });
  const write = (name: string, lines: readonly string[]) =>
    writeFile(join(folder, name), `${lines.join("\n")}\n`);
  const ports = {
    account: await freePort(),
    container: await freePort(),
    object: await freePort(),
    proxy: await freePort(),
    memcached: await freePort(),
  };
  await write("swift.conf", [
    ...["[swift-hash]", "swift_hash_path_suffix = test", "swift_hash_path_prefix = test"],
    ...["[storage-policy:0]", "name = default", "default = yes"],
  ]);
  const common = (port: number) => [
    ...["[DEFAULT]", "bind_ip = 127.0.0.1", `bind_port = ${port}`, "workers = 0"],
    ...[`user = ${userInfo().username}`, `swift_dir = ${folder}`, "log_level = ERROR"],
  ];
  for (const name of ["account", "container", "object"] as const) {
    await write(`${name}-server.conf`, [
      ...common(ports[name]),
      ...[`devices = ${join(folder, "node")}`, "mount_check = false", "disable_fallocate = true"],
      ...["[pipeline:main]", `pipeline = ${name}-server`],
      ...[`[app:${name}-server]`, `use = egg:swift#${name}`],
    ]);
  }
  const rings = (["account", "container", "object"] as const).map((name) => `${name}:${ports[name]}`);
  await run(PYTHON, ["-c", MAKE_RINGS, folder, ...rings]);
  const filters = ["catch_errors", "gatekeeper", "healthcheck", "bulk", "slo", "copy", "dlo"];
  await write("proxy-server.conf", [
    ...common(ports.proxy),
    "[pipeline:main]",
    "pipeline = catch_errors gatekeeper healthcheck cache s3api tempauth bulk slo copy dlo proxy-server",
    ...["[app:proxy-server]", "use = egg:swift#proxy"],
    ...["allow_account_management = true", "account_autocreate = true"],
    ...["[filter:tempauth]", "use = egg:swift#tempauth"],
    `user_test_tester = ${CREDENTIALS.secretAccessKey} .admin`,
    ...["[filter:s3api]", "use = egg:swift#s3api", `location = ${REGION}`],
    ...["[filter:cache]", "use = egg:swift#memcache", `memcache_servers = 127.0.0.1:${ports.memcached}`],
    ...filters.flatMap((name) => [`[filter:${name}]`, `use = egg:swift#${name}`]),
  ]);
  return ports;
}

function launch(folder: string, name: (typeof SERVERS)[number]): ChildProcess {
  // its own resolver asks a name server even about addresses, and waits long for one that is silent
  const env = { ...process.env, EVENTLET_NO_GREENDNS: "yes" };
  return spawn(PYTHON, ["-c", LAUNCH, folder, name], { stdio: "ignore", env });
}

function memcached(port: number): ChildProcess {
  const options = ["-u", userInfo().username, "-l", "127.0.0.1", "-p", String(port), "-m", "32"];
  return spawn("memcached", options, { stdio: "ignore" });
}

/** SIGTERM first, then SIGKILL. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const forced = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(forced);
}

const responses = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = http.get(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("error", () => resolve(false));
  });

/** No event reports that a server listens, so this polls it. */
async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 80_000; Date.now() < deadline; ) {
    if (await condition().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not start`);
}
