import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { HttpClient } from "../../processor/egress/http-client.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { ExitError } from "../../processor/egress/upstream/exit-error.ts";
import { type LocalProxyOptions, type ProxyKind, startLocalProxy } from "../support/exits/local-proxy.ts";
import { freePort, listen } from "../support/ports.ts";

/** Every protocol of an operator's proxy, to sources with and without TLS. */

const KINDS: readonly ProxyKind[] = ["http", "https", "socks5"];
const LOGIN = { user: "customer", password: "p:ss word/ü" };

let pair: { key: string; cert: string };
let folder: string;
const cleanups: (() => Promise<unknown> | unknown)[] = [];
const trusted = tls.getCACertificates("default");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upstreams-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-keyout", key, "-out", cert],
  ]);
  pair = { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  tls.setDefaultCACertificates([...trusted, pair.cert]);
});

afterAll(async () => {
  tls.setDefaultCACertificates(trusted);
  await rm(folder, { recursive: true, force: true });
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startSource(scheme: "http" | "https", host = "127.0.0.1") {
  const serve: http.RequestListener = (request, response) =>
    void response.end(`from ${request.socket.remoteAddress}`);
  const server = scheme === "https" ? https.createServer(pair, serve) : http.createServer(serve);
  const port =
    host === "127.0.0.1"
      ? await listen(server)
      : await new Promise<number>((resolve) =>
          server.listen(0, host, () => resolve((server.address() as net.AddressInfo).port)),
        );
  cleanups.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  const shown = net.isIPv6(host) ? `[${host}]` : host;
  return { url: `${scheme}://${shown}:${port}/`, host: `${shown}:${port}` };
}

async function startProxy(options: LocalProxyOptions) {
  const proxy = await startLocalProxy({ tls: pair, login: LOGIN, ...options });
  cleanups.push(() => proxy.close());
  return proxy;
}

function clientThrough(upstream: string, ...hosts: string[]) {
  const policy = new EgressPolicy({ opened: new Set(hosts) });
  cleanups.push(() => policy.close());
  return { policy, client: new HttpClient(policy, upstream) };
}

async function textOf(client: HttpClient, url: string): Promise<string> {
  const { body } = await client.open(url);
  return Buffer.concat(await body.toArray()).toString();
}

describe.each(KINDS)("a proxy of the kind %s", (kind) => {
  it("carries requests with and without TLS from its own address, with name and password", async () => {
    const proxy = await startProxy({ kind, address: "127.0.0.9" });
    for (const scheme of ["http", "https"] as const) {
      const source = await startSource(scheme);
      const { client } = clientThrough(proxy.url, source.host);
      expect(await textOf(client, source.url)).toBe("from 127.0.0.9");
    }
    expect(proxy.users).toEqual([LOGIN.user, LOGIN.user]);
  });

  it("gets addresses that were judged, never a name", async () => {
    const proxy = await startProxy({ kind });
    const source = await startSource("http");
    const port = source.host.split(":")[1];
    const policy = new EgressPolicy({
      opened: new Set([`media.example.com:${port}`]),
      lookup: async () => [{ address: "127.0.0.1", family: 4 }],
    });
    cleanups.push(() => policy.close());
    const client = new HttpClient(policy, proxy.url);
    expect(await textOf(client, `http://media.example.com:${port}/`)).toMatch(/^from/);
    expect(proxy.targets).toEqual([`127.0.0.1:${port}`]);
    await expect(client.open("http://10.0.0.1/")).rejects.toMatchObject({ code: "egress_blocked" });
    expect(proxy.targets).toHaveLength(1);
  });

  it("carries IPv6, if its IPv4 address does not answer, too", async () => {
    const proxy = await startProxy({ kind });
    const source = await startSource("http", "::1");
    const { client } = clientThrough(proxy.url, source.host);
    expect(await textOf(client, source.url)).toMatch(/^from .*1$/);
    const port = source.host.split("]:")[1];
    const policy = new EgressPolicy({
      opened: new Set([`both.example.com:${port}`]),
      lookup: async () => [
        { address: "::1", family: 6 },
        { address: "127.0.0.1", family: 4 },
      ],
    });
    cleanups.push(() => policy.close());
    const both = new HttpClient(policy, proxy.url);
    expect(await textOf(both, `http://both.example.com:${port}/`)).toMatch(/^from .*1$/);
    expect(proxy.targets.at(-2)).toBe(`127.0.0.1:${port}`);
  });

  it("is distinguished from a source that fails, and its password stays secret", async () => {
    const proxy = await startProxy({ kind });
    const silent = `127.0.0.1:${await freePort()}`;
    const { policy } = clientThrough(proxy.url, silent);
    const [host = "", port = ""] = silent.split(":");
    const failure = await policy.dial(host, Number(port), proxy.url).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "network" });
    expect(failure).not.toBeInstanceOf(ExitError);

    const wrong = new URL(proxy.url);
    wrong.password = "another-password";
    const closed = `${kind}://${LOGIN.user}:secret-password@127.0.0.1:${await freePort()}`;
    const source = await startSource("http");
    for (const upstream of [wrong.href, closed]) {
      const tools = new EgressPolicy({ opened: new Set([source.host]) });
      cleanups.push(() => tools.close());
      const error = await new HttpClient(tools, upstream).open(source.url).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ExitError);
      expect(`${(error as ExitError).detail} ${(error as ExitError).stack}`).not.toMatch(
        /another-password|secret-password|ss(?: |%20)word/,
      );
      const egress = await EgressProxy.start(tools, { upstream });
      cleanups.push(() => egress.close());
      const through = http.request(egress.url, { path: source.url, headers: { host: source.host } });
      const [response] = await Promise.all([
        new Promise<http.IncomingMessage>((resolve) => through.once("response", resolve)),
        through.end(),
      ]);
      response.resume();
      expect([response.statusCode, egress.exitFailures]).toEqual([502, 1]);
    }
  });
});

it("refuses an https proxy whose certificate is not trusted", async () => {
  const proxy = await startProxy({ kind: "https" });
  const source = await startSource("http");
  tls.setDefaultCACertificates(trusted);
  const { client } = clientThrough(proxy.url, source.host);
  await expect(client.open(source.url)).rejects.toBeInstanceOf(ExitError);
  tls.setDefaultCACertificates([...trusted, pair.cert]);
});
