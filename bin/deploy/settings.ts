import { judgeUrl } from "../../schema/address.ts";
import { FORWARDED_SETTINGS } from "../../schema/container-settings.ts";
import { readConfig } from "../../worker/config.ts";
import { CONFIG_VARIABLES } from "../../worker/variables.ts";
import type { Environment } from "../stack/environment.ts";
import { StackError } from "../stack/errors.ts";

/** Where Cloudflare keeps the data. */
export const JURISDICTIONS = ["eu"] as const;
export type Jurisdiction = (typeof JURISDICTIONS)[number];

/** What the operator decides. */
export interface DeploySettings {
  /** Name of the Worker, and prefix of the names of its database, queues and bucket. */
  readonly name: string;
  /** Null: Cloudflare chooses. It cannot be changed later. */
  readonly jurisdiction: Jurisdiction | null;
  /** Host name that Cloudflare serves the Worker under; null: the one in `PUBLIC_URL`, such as workers.dev's. */
  readonly domain: string | null;
  /** The Worker's variables. */
  readonly vars: Readonly<Record<string, string>>;
  /** Secrets from the operator; missing ones are kept or generated. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Settings of an earlier deployment, from the file that it wrote. */
export interface FormerDeployment {
  readonly name?: string;
  readonly vars?: Readonly<Record<string, string>>;
}

export interface DeployArguments {
  readonly accountId: string;
  readonly name?: string | undefined;
  readonly domain?: string | undefined;
  readonly jurisdiction?: string | undefined;
}

/** Settings of the processor that are as secret as the Worker's own. */
const SECRET_SETTINGS: readonly string[] = ["YTDLP_COOKIES", "YTDLP_PROXY"];
/** The Worker derives these from where it runs. */
const NOT_SET = ["PLATFORM"];

const isSecret = (name: string): boolean =>
  SECRET_SETTINGS.includes(name) || CONFIG_VARIABLES.some((row) => row.name === name && row.secret);

const NAMES = [...CONFIG_VARIABLES.map(({ name }) => name), ...FORWARDED_SETTINGS].filter(
  (name) => !NOT_SET.includes(name),
);

/**
 * Merges the settings: arguments first, then environment variables, then those of the earlier deployment.
 *
 * @throws StackError with a sentence for each value that cannot be deployed
 */
export function readSettings(
  { accountId, domain, jurisdiction, name: givenName }: DeployArguments,
  env: Environment,
  former: FormerDeployment = {},
): DeploySettings {
  const name = givenName ?? former.name ?? "waterspout";
  if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(name)) {
    throw new StackError(`--name "${name}" must be lower-case letters, digits and hyphens, at most 41`);
  }
  if (jurisdiction !== undefined && !isJurisdiction(jurisdiction)) {
    throw new StackError(`--jurisdiction "${jurisdiction}" must be one of ${JURISDICTIONS.join(", ")}`);
  }
  const given = NAMES.flatMap((variable) => (env[variable] ? [[variable, env[variable]] as const] : []));
  const host = `${accountId}.${jurisdiction === undefined ? "" : `${jurisdiction}.`}r2.cloudflarestorage.com`;
  const vars: Record<string, string> = {
    R2_ENDPOINT: `https://${host}`,
    R2_BUCKET: name,
    ...former.vars,
    ...(domain !== undefined && { PUBLIC_URL: `https://${domain}` }),
    ...Object.fromEntries(given.filter(([variable]) => !isSecret(variable))),
  };
  const secrets = Object.fromEntries(given.filter(([variable]) => isSecret(variable)));
  refuse(vars, secrets);
  return { name, jurisdiction: jurisdiction ?? null, domain: domain ?? null, vars, secrets };
}

const isJurisdiction = (text: string): text is Jurisdiction =>
  (JURISDICTIONS as readonly string[]).includes(text);

/** Satisfies the rules for a secret that is kept from an earlier deployment or generated later. */
const PLACEHOLDERS = {
  ADMIN_TOKEN: "x".repeat(16),
  PROCESSOR_TOKEN: "x".repeat(16),
  SEALING_KEYS: `x:${"A".repeat(43)}=`,
  R2_ACCESS_KEY_ID: "x",
  R2_SECRET_ACCESS_KEY: "x",
};

function refuse(vars: Readonly<Record<string, string>>, secrets: Readonly<Record<string, string>>): void {
  if (!vars.PUBLIC_URL) {
    throw new StackError(
      "Set PUBLIC_URL to the address of the Worker (https://waterspout.<your subdomain>.workers.dev), or --domain to a host name of a zone of yours",
    );
  }
  const local = Object.entries(vars).filter(([, value]) => isUrl(value) && !isPublic(value));
  if (local.length > 0) {
    const names = local.map(([name, value]) => `${name} is ${value}`).join("; ");
    throw new StackError(`Cloudflare cannot reach addresses of this machine or of its network: ${names}`);
  }
  if (!vars.PUBLIC_URL.startsWith("https://")) {
    throw new StackError(
      `PUBLIC_URL ${vars.PUBLIC_URL} must be https, because keys and credentials are sent to it`,
    );
  }
  try {
    readConfig({ ...PLACEHOLDERS, ...vars, ...secrets });
  } catch (error) {
    throw new StackError((error as Error).message);
  }
}

const isUrl = (value: string): boolean => /^https?:\/\//.test(value);
const isPublic = (value: string): boolean =>
  value
    .split(",")
    .every((url) => !URL.canParse(url.trim()) || judgeUrl(new URL(url.trim()), new Set()).allowed);
