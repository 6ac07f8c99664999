/** `npm run deploy [-- --dry-run]`: creates what is missing at Cloudflare, deploys, and delivers a sample. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { experimental_readRawConfig as readRawConfig } from "wrangler";
import { buildAssets } from "./assets/build-assets.ts";
import { deploy, findAccount } from "./deploy/deploy.ts";
import type { RawConfig } from "./deploy/deploy-config.ts";
import { checkDeployment } from "./deploy/self-check.ts";
import { type FormerDeployment, readSettings } from "./deploy/settings.ts";
import { wrangler } from "./deploy/wrangler.ts";
import { StackError } from "./stack/errors.ts";
import { exitCodeOf } from "./stack/exit-code.ts";
import { inRoot } from "./stack/paths.ts";
import { writePrivateFile } from "./stack/private-file.ts";

const CONFIG = inRoot("wrangler.deploy.json");
/** Secrets that were generated here: the operator needs `ADMIN_TOKEN`, and keeps `SEALING_KEYS` in case Cloudflare loses it. */
const SECRETS = inRoot(".waterspout", "deploy-secrets.json");

const say = (line: string) => console.log(`[deploy] ${line}`);
const readJson = <T>(file: string, otherwise: T): T =>
  existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : otherwise;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      "dry-run": { type: "boolean", default: false },
      name: { type: "string" },
      domain: { type: "string" },
      jurisdiction: { type: "string" },
      "skip-check": { type: "boolean", default: false },
    },
  });
  const dryRun = values["dry-run"];
  const accountId = findAccount(wrangler, process.env.CLOUDFLARE_ACCOUNT_ID);
  const former = readJson<FormerDeployment & { former?: object }>(CONFIG, {});
  const env = await withAnswers(process.env, former, values.domain);
  const settings = readSettings({ ...values, accountId }, env, former);
  const made = readJson<Record<string, string>>(SECRETS, {});
  await buildAssets();
  deploy({
    ...{ settings, wrangler, dryRun, log: say },
    raw: readRawConfig({ config: inRoot("wrangler.toml") }).rawConfig as RawConfig,
    writeConfig: (config) => {
      if (!dryRun) writePrivateFile(CONFIG, `${JSON.stringify(config, null, 2)}\n`);
      return CONFIG;
    },
    makeSecrets: (names) => {
      for (const name of names) made[name] ??= newSecret(name);
      mkdirSync(inRoot(".waterspout"), { recursive: true, mode: 0o700 });
      writePrivateFile(SECRETS, `${JSON.stringify(made, null, 2)}\n`);
      return Object.fromEntries(names.map((name) => [name, made[name] ?? ""]));
    },
    withSecretsFile: (secrets, use) => {
      const folder = mkdtempSync(join(tmpdir(), "waterspout-secrets-"));
      try {
        const file = join(folder, "secrets.json");
        writePrivateFile(file, JSON.stringify(secrets));
        use(file);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  });
  if (dryRun || values["skip-check"]) return 0;
  const { PUBLIC_URL = "", R2_ENDPOINT = "", R2_BUCKET = "" } = settings.vars;
  say(`deployed to ${PUBLIC_URL}; generated secrets are in ${SECRETS}`);
  const secretOf = (name: string) => env[name] ?? made[name];
  const [adminToken, accessKeyId, secretAccessKey] = [
    ...["ADMIN_TOKEN", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"].map(secretOf),
  ];
  if (adminToken === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
    say("not checked: set ADMIN_TOKEN, R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY for that");
    return 0;
  }
  const { jurisdiction } = settings;
  const bucket = { name: R2_BUCKET, endpoint: R2_ENDPOINT, accessKeyId, secretAccessKey, jurisdiction };
  await checkDeployment({ url: PUBLIC_URL, adminToken, bucket, wrangler, log: say });
  return 0;
}

const newSecret = (name: string): string =>
  name === "SEALING_KEYS"
    ? `first:${randomBytes(32).toString("base64")}`
    : randomBytes(24).toString("base64url");

/** Asks at a terminal for the only setting that has no default. */
async function withAnswers(
  env: NodeJS.ProcessEnv,
  former: FormerDeployment,
  domain: string | undefined,
): Promise<NodeJS.ProcessEnv> {
  if (domain !== undefined || env.PUBLIC_URL || former.vars?.PUBLIC_URL || !process.stdin.isTTY) return env;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const url = await terminal.question(
      "Address of the Worker (https://waterspout.<subdomain>.workers.dev): ",
    );
    return { ...env, PUBLIC_URL: url.trim() };
  } finally {
    terminal.close();
  }
}

process.exit(
  await main().catch((error: unknown) =>
    exitCodeOf(error instanceof TypeError && "code" in error ? new StackError(error.message) : error),
  ),
);
