import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CONFIG_VARIABLES, readConfig } from "../../processor/config.ts";
import { connectionsTo } from "../../processor/egress/connections.ts";

const REQUIRED = { WORKER_URL: "http://127.0.0.1:8787", PROCESSOR_TOKEN: "0123456789abcdef" };

test("needs only the Worker's address and the shared token", () => {
  const config = readConfig(REQUIRED);
  expect(config).toMatchObject({
    port: 8080,
    host: "0.0.0.0",
    networkSlots: 8,
    maxFilesizeBytes: 50 * 2 ** 30,
    maxRunSeconds: 6 * 3600,
    heartbeatSeconds: 15,
    ytdlpProxies: [],
    ytdlpExtractorArgs: {},
    ytdlpPath: undefined,
    ytdlpChannel: undefined,
    probeSeconds: 20,
    liveStallSeconds: 60,
  });
  expect(config.cpuSlots).toBeGreaterThanOrEqual(1);
  expect(config.allowedPrivateHosts.size).toBe(0);
});

test("treats an empty variable as one that is not set", () => {
  expect(readConfig({ ...REQUIRED, PORT: "", YTDLP_PATH: " " })).toMatchObject({
    port: 8080,
    ytdlpPath: undefined,
  });
});

test("names every bad value at once, one sentence per line", () => {
  const read = () =>
    readConfig({
      WORKER_URL: "ftp://worker",
      PORT: "70000",
      NETWORK_SLOTS: "many",
      ALLOWED_PRIVATE_HOSTS: "localhost",
      YTDLP_PROXY: "socks4://127.0.0.1:1",
      YTDLP_EXTRACTOR_ARGS: "player_client=web",
      YTDLP_CHANNEL: "beta",
    });
  expect(read).toThrow(
    [
      "PORT must be at most 65535",
      "WORKER_URL must be an http or https URL",
      "PROCESSOR_TOKEN is required",
      "NETWORK_SLOTS must be a whole number",
      'ALLOWED_PRIVATE_HOSTS "localhost" is not host:port',
      "YTDLP_CHANNEL must be one of stable, nightly, master",
      "YTDLP_PROXY must be http, https or socks5 proxy URLs, separated by commas",
      "YTDLP_EXTRACTOR_ARGS must look like youtube:player_client=web,tv;skip=dash generic:impersonate",
    ].join("\n"),
  );
});

test("reads the operator's settings for extraction", () => {
  const config = readConfig({
    ...REQUIRED,
    ALLOWED_PRIVATE_HOSTS: "127.0.0.1:9000, media.lan:80",
    YTDLP_PROXY: "http://a:1, http://user:secret@b:2",
    YTDLP_EXTRACTOR_ARGS: "youtube:player-client=web,tv;skip=dash generic:impersonate",
    YTDLP_SLEEP_REQUESTS: "0.5",
  });
  expect([...config.allowedPrivateHosts]).toEqual(["127.0.0.1:9000", "media.lan:80"]);
  expect(config.ytdlpProxies).toEqual(["http://a:1", "http://user:secret@b:2"]);
  expect(config.ytdlpExtractorArgs).toEqual({
    youtube: { player_client: ["web", "tv"], skip: ["dash"] },
    generic: { impersonate: [""] },
  });
  expect(config.ytdlpSleepRequests).toBe(0.5);
});

test("knows how many connections a host and its subdomains get", () => {
  const limits = readConfig({
    ...REQUIRED,
    CONNECTIONS_BY_HOST: "Example.com=1, cdn.example.com = 3, [::1]=2",
  });
  const to = (host: string) => connectionsTo(`https://${host}/a.mp4`, limits);
  expect(["example.com", "www.example.com", "eu.cdn.example.com", "[::1]:8443"].map(to)).toEqual([
    1, 1, 3, 2,
  ]);
  expect(["notexample.com", "com", "127.0.0.1"].map(to)).toEqual([6, 6, 6]);
});

test.each(["example.com", "example.com=0", "example.com=65", "https://example.com=2", "=1"])(
  "does not accept %s as a number of connections",
  (CONNECTIONS_BY_HOST) => {
    expect(() => readConfig({ ...REQUIRED, CONNECTIONS_BY_HOST })).toThrow(
      "CONNECTIONS_BY_HOST must look like example.com=1, cdn.example.net=3, with numbers from 1 to 64",
    );
  },
);

test.each([
  [{ HEARTBEAT_SECONDS: "21" }, "LEASE_SECONDS (60) must be at least three times HEARTBEAT_SECONDS (21)"],
  [{ LEASE_SECONDS: "44" }, "Set LEASE_SECONDS to 45 or more, or HEARTBEAT_SECONDS to 14 or less"],
])("does not start with %o: a missed heartbeat would cost a run its job", (variables, sentence) => {
  expect(() => readConfig({ ...REQUIRED, ...variables })).toThrow(sentence);
});

test("starts with a lease of exactly three heartbeats", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 3, max: 600 }), (heartbeat, lease) => {
      const read = () =>
        readConfig({ ...REQUIRED, HEARTBEAT_SECONDS: `${heartbeat}`, LEASE_SECONDS: `${lease}` });
      if (lease >= 3 * heartbeat) expect(read().heartbeatSeconds).toBe(heartbeat);
      else expect(read).toThrow("must be at least three times");
    }),
  );
});

test("explains each variable once", () => {
  const names = CONFIG_VARIABLES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(CONFIG_VARIABLES.every(({ meaning }) => meaning.length > 10)).toBe(true);
});

test("the Worker knows how many instances the platform starts", async () => {
  const wrangler = await readFile(new URL("../../wrangler.toml", import.meta.url), "utf8");
  const most = /^max_instances = (\d+)$/m.exec(wrangler)?.[1];
  expect(most).toBeDefined();
  expect(/^PROCESSOR_MAX_INSTANCES = "(\d+)"$/m.exec(wrangler)?.[1]).toBe(most);
});
