import { describe, expect, it } from "vitest";
import { experimental_readRawConfig as readRawConfig } from "wrangler";
import { deploy, findAccount } from "../../bin/deploy/deploy.ts";
import type { RawConfig } from "../../bin/deploy/deploy-config.ts";
import { type DeployArguments, readSettings } from "../../bin/deploy/settings.ts";
import type { Wrangler, WranglerResult } from "../../bin/deploy/wrangler.ts";
import { inRoot } from "../../bin/stack/paths.ts";

/**
 * Everything in `npm run deploy` before the network: wrangler is a double that answers in the formats of the real one.
 */

const ACCOUNT = "0123456789abcdef0123456789abcdef";
const PUBLIC_URL = "https://waterspout.example.workers.dev";
const R2 = { R2_ACCESS_KEY_ID: "key", R2_SECRET_ACCESS_KEY: "secret" };
const raw = readRawConfig({ config: inRoot("wrangler.toml") }).rawConfig as RawConfig;

const good = (stdout = ""): WranglerResult => ({ ok: true, stdout, stderr: "" });
const bad = (stderr: string): WranglerResult => ({ ok: false, stdout: "", stderr });

/** A Cloudflare account as wrangler shows it. */
class Account {
  readonly databases: { uuid: string; name: string; created_at: string; num_tables: number }[] = [];
  readonly queues: string[] = [];
  readonly buckets: string[] = [];
  readonly secrets = new Set<string>();
  isDeployed = false;
  /** Calls that change something. */
  readonly changes: string[] = [];
  /** The contents of secrets files. */
  lastSecrets: Readonly<Record<string, string>> = {};

  readonly wrangler: Wrangler = (args) => {
    const [first, second, third, fourth] = args;
    switch (true) {
      case first === "d1" && second === "list":
        return good(JSON.stringify(this.databases));
      case first === "queues" && second === "info":
        return this.queues.includes(third ?? "")
          ? good(`Queue Name: ${third}`)
          : bad(
              `✘ [ERROR] Queue "${third}" does not exist. To create it, run: wrangler queues create ${third}`,
            );
      case first === "r2" && third === "info":
        return this.buckets.includes(fourth ?? "")
          ? good(JSON.stringify({ name: fourth, object_count: "0" }))
          : bad(
              "✘ [ERROR] A request to the Cloudflare API failed.\n  The specified bucket does not exist. [code: 10006]",
            );
      case first === "secret":
        return this.isDeployed
          ? good(JSON.stringify([...this.secrets].map((name) => ({ name, type: "secret_text" }))))
          : bad(
              "✘ [ERROR] A request to the Cloudflare API failed.\n  This Worker does not exist on your account. [code: 10007]",
            );
    }
    this.changes.push(args.join(" "));
    if (first === "d1" && second === "create")
      this.databases.push({
        uuid: "11111111-2222-3333-4444-555555555555",
        name: third ?? "",
        created_at: "2026-11-29T09:00:00.000Z",
        num_tables: 0,
      });
    if (first === "queues") this.queues.push(third ?? "");
    if (first === "r2") this.buckets.push(fourth ?? "");
    if (first === "deploy") {
      this.isDeployed = true;
      for (const name of Object.keys(this.lastSecrets)) this.secrets.add(name);
    }
    return good();
  };
}

interface Run {
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: Omit<DeployArguments, "accountId">;
  readonly dryRun?: boolean;
}

function run(account: Account, { env = { PUBLIC_URL, ...R2 }, args = {}, dryRun = false }: Run = {}) {
  const lines: string[] = [];
  const written: RawConfig[] = [];
  deploy({
    ...{ raw, dryRun, wrangler: account.wrangler, log: (line) => void lines.push(line) },
    settings: readSettings({ accountId: ACCOUNT, ...args }, env),
    writeConfig: (config) => {
      written.push(config);
      return "wrangler.deploy.json";
    },
    makeSecrets: (names) => Object.fromEntries(names.map((name) => [name, `made-up-${name}`])),
    withSecretsFile: (secrets, use) => {
      account.lastSecrets = secrets;
      use("secrets.json");
    },
  });
  return { lines, config: written.at(-1) ?? {} };
}

describe("npm run deploy", () => {
  it("creates what is missing, migrates and deploys; a second run creates nothing and keeps every secret", () => {
    const account = new Account();
    const { config } = run(account);
    expect(account.changes).toEqual([
      "d1 create waterspout",
      "queues create waterspout-dispatch-dead",
      "queues create waterspout-deliveries-dead",
      "queues create waterspout-dispatch",
      "queues create waterspout-deliveries",
      "r2 bucket create waterspout",
      "d1 migrations apply DB --remote --config wrangler.deploy.json",
      "deploy --config wrangler.deploy.json --containers-rollout gradual --secrets-file secrets.json",
    ]);
    expect(account.lastSecrets).toEqual({
      ...R2,
      ...Object.fromEntries(
        ["ADMIN_TOKEN", "PROCESSOR_TOKEN", "SEALING_KEYS"].map((name) => [name, `made-up-${name}`]),
      ),
    });
    expect(config).toMatchObject({
      name: "waterspout",
      vars: {
        PUBLIC_URL,
        R2_ENDPOINT: `https://${ACCOUNT}.r2.cloudflarestorage.com`,
        R2_BUCKET: "waterspout",
      },
      d1_databases: [{ binding: "DB", database_id: "11111111-2222-3333-4444-555555555555" }],
      queues: {
        consumers: [
          { queue: "waterspout-dispatch", dead_letter_queue: "waterspout-dispatch-dead", max_retries: 100 },
          { queue: "waterspout-deliveries", dead_letter_queue: "waterspout-deliveries-dead" },
        ],
      },
    });
    expect(config).not.toHaveProperty("dev");

    account.changes.length = 0;
    run(account, { env: { PUBLIC_URL } });
    expect(account.changes).toEqual([
      "d1 migrations apply DB --remote --config wrangler.deploy.json",
      "deploy --config wrangler.deploy.json --containers-rollout gradual",
    ]);
  });

  it("shows with --dry-run what it would do, and does none of it", () => {
    const account = new Account();
    const { lines } = run(account, { dryRun: true });
    expect(account.changes).toEqual([]);
    expect(lines.filter((line) => line.startsWith("would "))).toHaveLength(8);
    expect(lines).toContain("would create the bucket waterspout");
  });

  it("continues where an earlier run stopped", () => {
    const account = new Account();
    account.queues.push("waterspout-dispatch");
    account.buckets.push("waterspout");
    run(account);
    expect(account.changes.filter((call) => / create /.test(call))).toHaveLength(4);
  });

  it("keeps the data in the European Union, with another name and a custom domain", () => {
    const account = new Account();
    const { config } = run(account, {
      env: { ...R2, MAX_RUN_SECONDS: "600", YTDLP_COOKIES: "cookies" },
      args: { name: "clips", domain: "clips.example.com", jurisdiction: "eu" },
    });
    expect(account.changes.filter((call) => / create /.test(call))).toEqual([
      "d1 create clips --jurisdiction eu",
      ...["dispatch-dead", "deliveries-dead", "dispatch", "deliveries"].map(
        (queue) => `queues create clips-${queue} --jurisdiction eu`,
      ),
      "r2 bucket create clips --jurisdiction eu",
    ]);
    expect(account.lastSecrets).toMatchObject({ YTDLP_COOKIES: "cookies" });
    expect(config).toMatchObject({
      name: "clips",
      routes: [{ pattern: "clips.example.com", custom_domain: true }],
      r2_buckets: [{ bucket_name: "clips", jurisdiction: "eu" }],
      vars: {
        ...{ PUBLIC_URL: "https://clips.example.com", MAX_RUN_SECONDS: "600" },
        R2_ENDPOINT: `https://${ACCOUNT}.eu.r2.cloudflarestorage.com`,
      },
    });
    expect(JSON.stringify(config)).not.toContain("cookies");
  });

  it.each<[Readonly<Record<string, string>>, RegExp]>([
    [{}, /Set PUBLIC_URL to the address of the Worker/],
    [
      { PUBLIC_URL: "http://127.0.0.1:8787" },
      /cannot reach addresses of this machine.*PUBLIC_URL is http:\/\/127/,
    ],
    [{ PUBLIC_URL, R2_ENDPOINT: "http://localhost:9000" }, /R2_ENDPOINT is http:\/\/localhost:9000/],
    [
      { PUBLIC_URL, PROCESSOR_URL: "https://good.example,http://10.0.0.5" },
      /PROCESSOR_URL is https:\/\/good/,
    ],
    [{ PUBLIC_URL, PROCESSOR_URL: "http://processor.example" }, /is not https/],
    [{ PUBLIC_URL: "http://waterspout.example.com" }, /must be https/],
    [{ PUBLIC_URL, LEASE_SECONDS: "soon" }, /LEASE_SECONDS must be a whole number/],
    [{ PUBLIC_URL, ADMIN_TOKEN: "short" }, /ADMIN_TOKEN must have at least 16 characters/],
  ])("refuses %o before it calls Cloudflare", (env, sentence) => {
    expect(() => readSettings({ accountId: ACCOUNT }, env)).toThrow(sentence);
  });

  it("asks for the bucket's keys before it creates anything", () => {
    const account = new Account();
    expect(() => run(account, { env: { PUBLIC_URL } })).toThrow(
      /Set R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY: create an R2 API token/,
    );
    expect(account.changes).toEqual([]);
  });

  it("stops at an error of Cloudflare, and prints its message", () => {
    const wrangler: Wrangler = () =>
      bad("✘ [ERROR] A request to the Cloudflare API failed.\n  Authentication error [code: 10000]");
    const account = Object.assign(new Account(), { wrangler });
    expect(() => run(account)).toThrow(
      /wrangler secret list .* failed:\n.*Authentication error \[code: 10000\]/s,
    );
  });
});

describe("the account", () => {
  const whoami =
    (accounts: readonly { id: string; name: string }[]): Wrangler =>
    () =>
      good(JSON.stringify({ loggedIn: true, authType: "OAuth Token", email: "a@example.com", accounts }));

  it("is the only one, or the one that was named", () => {
    const [one, two] = [
      { id: "1", name: "one" },
      { id: "2", name: "two" },
    ];
    expect(findAccount(whoami([one]), undefined)).toBe("1");
    expect(findAccount(whoami([one, two]), "2")).toBe("2");
    expect(() => findAccount(whoami([one, two]), undefined)).toThrow(
      /Set CLOUDFLARE_ACCOUNT_ID.*\n {2}1 {2}one\n {2}2 {2}two/,
    );
    expect(() => findAccount(() => bad("Not logged in."), undefined)).toThrow(
      /npx wrangler login.*\nNot logged in/s,
    );
  });
});
