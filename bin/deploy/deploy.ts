import { StackError } from "../stack/errors.ts";
import { deployConfig, type RawConfig, resourceNames } from "./deploy-config.ts";
import type { DeploySettings } from "./settings.ts";
import { finds, jsonOf, outputOf, type Wrangler, wordsOf } from "./wrangler.ts";

export interface DeployOptions {
  readonly settings: DeploySettings;
  /** `wrangler.toml`. */
  readonly raw: RawConfig;
  readonly wrangler: Wrangler;
  /** True: only says what would be done. */
  readonly dryRun: boolean;
  readonly log: (line: string) => void;
  /** Writes the configuration, which git ignores. @returns its path */
  readonly writeConfig: (config: RawConfig) => string;
  /**
   * Secrets that the operator did not provide: those that an earlier deployment generated here, else new ones.
   * @param names what is missing at Cloudflare
   */
  readonly makeSecrets: (names: readonly string[]) => Readonly<Record<string, string>>;
  /** Runs `use` with a file of secrets, which exists only as long as it runs. */
  readonly withSecretsFile: (secrets: Readonly<Record<string, string>>, use: (file: string) => void) => void;
}

/** Generated if the operator provides none; a new value for the last one would make stored secrets unreadable. */
const MADE_UP = ["ADMIN_TOKEN", "PROCESSOR_TOKEN", "SEALING_KEYS"];
const NEEDED = [...MADE_UP, "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"];

const ABSENT_BUCKET = /does not exist|\[code: 10006\]/i;
const ABSENT_QUEUE = /does not exist/i;
const ABSENT_WORKER = /does not exist|not found|\[code: 100(07|90)\]/i;

/**
 * Creates what is missing, migrates the database, and deploys. What exists stays as it is, so it can be repeated after any
 * failure.
 *
 * @throws StackError with wrangler's message, or what the operator must add
 */
export function deploy(options: DeployOptions): void {
  const { settings, raw, wrangler, dryRun, log } = options;
  const { jurisdiction } = settings;
  const names = resourceNames(raw, settings);
  const change = (what: string, args: readonly string[]) => {
    log(`${dryRun ? "would " : ""}${what}`);
    if (!dryRun) outputOf(wrangler, args);
  };
  const within = jurisdiction === null ? [] : ["--jurisdiction", jurisdiction];

  // checks what could stop the deployment before anything is created
  const kept = secretsAt(wrangler, settings.name);
  const missing = NEEDED.filter((name) => !kept.has(name) && settings.secrets[name] === undefined);
  const mustGive = missing.filter((name) => !MADE_UP.includes(name));
  if (mustGive.length > 0) {
    throw new StackError(
      `Set ${mustGive.join(" and ")}: create an R2 API token in Cloudflare's dashboard (R2, "Manage API tokens") that reads and writes objects of the bucket ${names.bucket}`,
    );
  }

  if (databaseId(wrangler, names.database) === null) {
    change(`create the database ${names.database}`, ["d1", "create", names.database, ...within]);
  }
  for (const queue of names.queues) {
    if (finds(wrangler, ["queues", "info", queue], ABSENT_QUEUE)) continue;
    change(`create the queue ${queue}`, ["queues", "create", queue, ...within]);
  }
  if (!finds(wrangler, ["r2", "bucket", "info", names.bucket, "--json", ...within], ABSENT_BUCKET)) {
    change(`create the bucket ${names.bucket}`, ["r2", "bucket", "create", names.bucket, ...within]);
  }

  const id = databaseId(wrangler, names.database);
  if (id === null && !dryRun)
    throw new StackError(`The database ${names.database} was created but is not listed`);
  const config = deployConfig(raw, settings, id ?? "00000000-0000-0000-0000-000000000000");
  const file = options.writeConfig(config);
  log(`wrote ${file}`);
  change("apply the database's migrations", [
    "d1",
    "migrations",
    "apply",
    "DB",
    "--remote",
    "--config",
    file,
  ]);

  const given = Object.keys(settings.secrets);
  const madeUp = missing.filter((name) => MADE_UP.includes(name));
  const words = [...given, ...madeUp].join(", ") || "no new ones";
  log(`${dryRun ? "would " : ""}deploy with the secrets: ${words}`);
  if (dryRun) return;
  const secrets = { ...settings.secrets, ...options.makeSecrets(madeUp) };
  const args = ["deploy", "--config", file, "--containers-rollout", "gradual"];
  if (Object.keys(secrets).length === 0) outputOf(wrangler, args);
  else options.withSecretsFile(secrets, (path) => outputOf(wrangler, [...args, "--secrets-file", path]));
}

/** The account to deploy to. @throws StackError if nobody is signed in, or there are several */
export function findAccount(wrangler: Wrangler, wanted: string | undefined): string {
  const result = wrangler(["whoami", "--json"]);
  if (!result.ok) {
    throw new StackError(
      `Sign in first: npx wrangler login, or set CLOUDFLARE_API_TOKEN. wrangler says:\n${wordsOf(result)}`,
    );
  }
  const { accounts = [] } = jsonOf<{ accounts?: { id: string; name: string }[] }>(
    () => result,
    ["whoami", "--json"],
  );
  const found = wanted === undefined ? accounts : accounts.filter(({ id }) => id === wanted);
  const [account] = found;
  if (account && found.length === 1) return account.id;
  const list = accounts.map(({ id, name }) => `  ${id}  ${name}`).join("\n");
  throw new StackError(
    `Set CLOUDFLARE_ACCOUNT_ID to one of the accounts that this sign-in may use:\n${list}`,
  );
}

function databaseId(wrangler: Wrangler, name: string): string | null {
  const databases = jsonOf<{ uuid: string; name: string }[]>(wrangler, ["d1", "list", "--json"]);
  return databases.find((database) => database.name === name)?.uuid ?? null;
}

function secretsAt(wrangler: Wrangler, name: string): ReadonlySet<string> {
  const args = ["secret", "list", "--name", name, "--format", "json"];
  if (!finds(wrangler, args, ABSENT_WORKER)) return new Set();
  return new Set(jsonOf<{ name: string }[]>(wrangler, args).map((secret) => secret.name));
}
