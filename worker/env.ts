import { z } from "zod";
import { type AllowedHosts, AllowedHostsError, parseAllowedHosts } from "../schema/address.ts";
import { DEFAULT_HEARTBEAT_SECONDS, DEFAULT_LEASE_SECONDS, leaseProblem } from "../schema/lease.ts";
import { withoutTrailing } from "../schema/text.ts";
import type { Hint, NoticeHint } from "../schema/wire/hint.ts";
import { parseSealingKeys } from "./lib/sealing-keys.ts";
import type { Batch } from "./objects/batch.ts";
import type { ProcessorInstance } from "./objects/processor-instance.ts";

/** What the platform binds to the Worker: see `wrangler.toml` and {@link CONFIG_VARIABLES}. */
export interface Env {
  readonly DB: D1Database;
  readonly HINTS: Queue<Hint>;
  readonly NOTICES: Queue<NoticeHint>;
  readonly BUCKET: R2Bucket;
  readonly PROCESSOR: DurableObjectNamespace<ProcessorInstance>;
  readonly BATCHES: DurableObjectNamespace<Batch>;
  readonly ASSETS: Fetcher;
  readonly READ_RATE: RateLimit;
  readonly WRITE_RATE: RateLimit;
  /** Variables and secrets are strings; {@link readConfig} is their only reader. */
  readonly [variable: string]: unknown;
}

interface ConfigVariable {
  readonly name: string;
  /** What holds when it is not set; null where it must be set. */
  readonly fallback: string | null;
  readonly meaning: string;
  readonly secret: boolean;
}

/** Every variable of the Worker, for the README. */
export const CONFIG_VARIABLES = [
  {
    name: "ADMIN_TOKEN",
    fallback: null,
    secret: true,
    meaning: "Bearer of `/admin/*`; at least 16 characters",
  },
  {
    name: "PROCESSOR_TOKEN",
    fallback: null,
    secret: true,
    meaning: "Shared by Worker and processor; at least 16 characters",
  },
  {
    name: "SEALING_KEYS",
    fallback: null,
    secret: true,
    meaning:
      "Comma-separated `id:key`, the newest first, each key 32 bytes as Base64: seal the callers' credentials; keep an old one until `POST /admin/reseal` says that none is left",
  },
  { name: "PUBLIC_URL", fallback: null, secret: false, meaning: "The address callers and processors use" },
  {
    name: "PROCESSOR_URL",
    fallback: "",
    secret: false,
    meaning: "A processor reached over plain HTTP; empty: the container instances",
  },
  {
    name: "PROCESSOR_INSTANCES",
    fallback: "2",
    secret: false,
    meaning: "Container instances in the pool, 1 to 1000; unused with `PROCESSOR_URL`",
  },
  {
    name: "PROCESSOR_IDLE_SECONDS",
    fallback: "300",
    secret: false,
    meaning:
      "A container instance without work is ended after this long, 1 to 3600; unused with `PROCESSOR_URL`",
  },
  { name: "R2_ENDPOINT", fallback: null, secret: false, meaning: "S3 endpoint of the managed bucket" },
  { name: "R2_BUCKET", fallback: "waterspout", secret: false, meaning: "Name of the managed bucket" },
  { name: "R2_ACCESS_KEY_ID", fallback: null, secret: true, meaning: "Access key of the managed bucket" },
  { name: "R2_SECRET_ACCESS_KEY", fallback: null, secret: true, meaning: "Its secret" },
  {
    name: "RAPIDAPI_PROXY_SECRET",
    fallback: "",
    secret: true,
    meaning:
      "What RapidAPI's gateway sends as `X-RapidAPI-Proxy-Secret`; empty: calls of the gateway are refused",
  },
  {
    name: "SPOTIFY_CLIENT_ID",
    fallback: "",
    secret: false,
    meaning:
      "Of an application at developer.spotify.com; without it and its secret, Spotify URLs are refused",
  },
  { name: "SPOTIFY_CLIENT_SECRET", fallback: "", secret: true, meaning: "Its secret" },
  {
    name: "SPOTIFY_MARKET",
    fallback: "US",
    secret: false,
    meaning: "Country whose shows and episodes are seen, two letters",
  },
  {
    name: "SPOTIFY_API_URL",
    fallback: "https://api.spotify.com",
    secret: false,
    meaning: "Base URL of Spotify's Web API",
  },
  {
    name: "SPOTIFY_ACCOUNTS_URL",
    fallback: "https://accounts.spotify.com",
    secret: false,
    meaning: "Base URL of the service that gives its tokens",
  },
  {
    name: "ITUNES_SEARCH_URL",
    fallback: "https://itunes.apple.com",
    secret: false,
    meaning: "Base URL of the iTunes Search API, which knows the open feeds of shows",
  },
  {
    name: "PODCAST_INDEX_URL",
    fallback: "https://api.podcastindex.org",
    secret: false,
    meaning: "Base URL of Podcast Index, a second directory of open feeds",
  },
  {
    name: "PODCAST_INDEX_KEY",
    fallback: "",
    secret: true,
    meaning: "Key of Podcast Index; without it and its secret, only iTunes is asked",
  },
  { name: "PODCAST_INDEX_SECRET", fallback: "", secret: true, meaning: "Its secret" },
  {
    name: "LISTING_SECONDS",
    fallback: "60",
    secret: false,
    meaning: "How long the listing of a show or playlist may take, 1 to 60",
  },
  {
    name: "ALLOWED_PRIVATE_HOSTS",
    fallback: "",
    secret: false,
    meaning: "Comma-separated `host:port` that jobs may reach although they are private",
  },
  {
    name: "LEASE_SECONDS",
    fallback: `${DEFAULT_LEASE_SECONDS}`,
    secret: false,
    meaning:
      "How long a run may be silent before its job is given to another, 3 to 600; at least three times `HEARTBEAT_SECONDS`",
  },
  {
    name: "HEARTBEAT_SECONDS",
    fallback: `${DEFAULT_HEARTBEAT_SECONDS}`,
    secret: false,
    meaning: "Seconds between two heartbeats of the processors; the same as theirs",
  },
  {
    name: "BATCH_WINDOW",
    fallback: "20",
    secret: false,
    meaning: "Jobs of one show, playlist or bulk request that are on their way at the same time, 1 to 500",
  },
  {
    name: "RATE_LIMIT_READ",
    fallback: "300000",
    secret: false,
    meaning:
      "Requests per key and minute that only read; `wrangler.toml` holds the same for all isolates together",
  },
  {
    name: "RATE_LIMIT_WRITE",
    fallback: "120000",
    secret: false,
    meaning: "The same for requests that change something",
  },
  {
    name: "MAX_BACKLOG",
    fallback: "50000",
    secret: false,
    meaning:
      "Jobs of all accounts together that may wait for a processor, 1 to 1000000; while there are more, new ones are refused (503 `overloaded`)",
  },
  {
    name: "RETENTION_DAYS",
    fallback: "7",
    secret: false,
    meaning:
      "Days that delivered files of the managed bucket are kept, 1 to 3650; an account may have its own",
  },
] as const satisfies readonly ConfigVariable[];

type VariableName = (typeof CONFIG_VARIABLES)[number]["name"];

/** The checked configuration. */
export interface Config {
  readonly adminToken: string;
  readonly processorToken: string;
  /** At least one, the newest first. */
  readonly sealingKeys: readonly { readonly id: string; readonly bytes: Uint8Array<ArrayBuffer> }[];
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly processor:
    | { readonly type: "http"; readonly url: string }
    | { readonly type: "containers"; readonly instances: number };
  readonly processorIdleMs: number;
  /** The processor's settings of extraction (`YTDLP_…`), handed to container instances as they are. */
  readonly extraction: Readonly<Record<string, string>>;
  readonly bucket: ManagedBucketConfig;
  /** Null: no gateway may call. */
  readonly rapidApiSecret: string | null;
  readonly spotify: SpotifyConfig;
  readonly directories: DirectoryConfig;
  readonly listingMs: number;
  readonly allowedPrivateHosts: AllowedHosts;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly retentionDays: number;
  /** Jobs of one batch that are released and not finished, at most. */
  readonly batchWindow: number;
  /** Due jobs of all accounts. */
  readonly maxBacklog: number;
  /** Requests per key and minute. */
  readonly rateLimits: { readonly read: number; readonly write: number };
}

/** The operator's own bucket, as any S3 service. */
export interface ManagedBucketConfig {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: "auto";
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface SpotifyConfig {
  /** Null: Spotify cannot be asked. */
  readonly credentials: { readonly id: string; readonly secret: string } | null;
  /** ISO 3166-1. @example "US" */
  readonly market: string;
  readonly apiUrl: string;
  readonly accountsUrl: string;
}

/** Where the open feeds of shows are looked up. */
export interface DirectoryConfig {
  readonly itunesUrl: string;
  /** Null: it is not asked. */
  readonly podcastIndex: { readonly url: string; readonly key: string; readonly secret: string } | null;
}

/** A variable is missing or wrong; the message says which and how. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const token = z.string().min(16, "must have at least 16 characters");
const baseUrl = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .transform((url) => withoutTrailing(url, "/"));
const wholeNumber = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d+$/, error).transform(Number).pipe(z.number().min(min, error).max(max, error));
};
const sealingKeys = z.string().transform((text, context) => {
  const keys = parseSealingKeys(text);
  if (keys) return keys;
  context.addIssue({
    code: "custom",
    message: "must be a comma-separated list of id:key, each key 32 bytes as Base64",
  });
  return z.NEVER;
});
const required = z.string().min(1, "must not be empty");
const hosts = z.string().transform((text, context) => {
  try {
    return parseAllowedHosts(text);
  } catch (error) {
    if (!(error instanceof AllowedHostsError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
    return z.NEVER;
  }
});

const Variables = z.object({
  ADMIN_TOKEN: token,
  PROCESSOR_TOKEN: token,
  SEALING_KEYS: sealingKeys,
  PUBLIC_URL: baseUrl,
  PROCESSOR_URL: z.union([z.literal(""), baseUrl], "must be an http or https URL"),
  PROCESSOR_INSTANCES: wholeNumber(1, 1000),
  PROCESSOR_IDLE_SECONDS: wholeNumber(1, 3600),
  R2_ENDPOINT: baseUrl,
  R2_BUCKET: required,
  R2_ACCESS_KEY_ID: required,
  R2_SECRET_ACCESS_KEY: required,
  RAPIDAPI_PROXY_SECRET: z.union([z.literal(""), token]),
  SPOTIFY_CLIENT_ID: z.string(),
  SPOTIFY_CLIENT_SECRET: z.string(),
  SPOTIFY_MARKET: z.string().regex(/^[A-Z]{2}$/, "must be two capital letters"),
  SPOTIFY_API_URL: baseUrl,
  SPOTIFY_ACCOUNTS_URL: baseUrl,
  ITUNES_SEARCH_URL: baseUrl,
  PODCAST_INDEX_URL: baseUrl,
  PODCAST_INDEX_KEY: z.string(),
  PODCAST_INDEX_SECRET: z.string(),
  LISTING_SECONDS: wholeNumber(1, 60),
  ALLOWED_PRIVATE_HOSTS: hosts,
  LEASE_SECONDS: wholeNumber(3, 600),
  HEARTBEAT_SECONDS: wholeNumber(1, 3600),
  MAX_BACKLOG: wholeNumber(1, 1_000_000),
  RETENTION_DAYS: wholeNumber(1, 3650),
  BATCH_WINDOW: wholeNumber(1, 500),
  RATE_LIMIT_READ: wholeNumber(1, 10_000_000),
  RATE_LIMIT_WRITE: wholeNumber(1, 10_000_000),
} satisfies Record<VariableName, z.ZodType>);

/**
 * Reads and checks every variable.
 *
 * @throws ConfigError with one sentence that names each variable at fault; never a value.
 */
export function readConfig(env: Readonly<Record<string, unknown>>): Config {
  const values = Object.fromEntries(
    CONFIG_VARIABLES.map(({ name, fallback }) => [name, env[name] ?? fallback]),
  );
  const parsed = Variables.safeParse(values);
  if (!parsed.success) throw new ConfigError(parsed.error.issues.map(sentenceOf).join("; "));
  const variables = parsed.data;
  const { LEASE_SECONDS: leaseSeconds, HEARTBEAT_SECONDS: heartbeatSeconds } = variables;
  const problem = leaseProblem({ leaseSeconds, heartbeatSeconds });
  if (problem !== null) throw new ConfigError(problem);
  return {
    adminToken: variables.ADMIN_TOKEN,
    processorToken: variables.PROCESSOR_TOKEN,
    sealingKeys: variables.SEALING_KEYS,
    publicUrl: variables.PUBLIC_URL,
    processor:
      variables.PROCESSOR_URL === ""
        ? { type: "containers", instances: variables.PROCESSOR_INSTANCES }
        : { type: "http", url: variables.PROCESSOR_URL },
    extraction: extractionSettings(env),
    processorIdleMs: variables.PROCESSOR_IDLE_SECONDS * 1000,
    bucket: {
      endpoint: variables.R2_ENDPOINT,
      bucket: variables.R2_BUCKET,
      region: "auto",
      accessKeyId: variables.R2_ACCESS_KEY_ID,
      secretAccessKey: variables.R2_SECRET_ACCESS_KEY,
    },
    rapidApiSecret: variables.RAPIDAPI_PROXY_SECRET || null,
    spotify: {
      credentials: pair(variables.SPOTIFY_CLIENT_ID, variables.SPOTIFY_CLIENT_SECRET, (id, secret) => ({
        id,
        secret,
      })),
      market: variables.SPOTIFY_MARKET,
      apiUrl: variables.SPOTIFY_API_URL,
      accountsUrl: variables.SPOTIFY_ACCOUNTS_URL,
    },
    directories: {
      itunesUrl: variables.ITUNES_SEARCH_URL,
      podcastIndex: pair(variables.PODCAST_INDEX_KEY, variables.PODCAST_INDEX_SECRET, (key, secret) => ({
        url: variables.PODCAST_INDEX_URL,
        key,
        secret,
      })),
    },
    listingMs: variables.LISTING_SECONDS * 1000,
    allowedPrivateHosts: variables.ALLOWED_PRIVATE_HOSTS,
    leaseMs: leaseSeconds * 1000,
    heartbeatMs: heartbeatSeconds * 1000,
    retentionDays: variables.RETENTION_DAYS,
    batchWindow: variables.BATCH_WINDOW,
    maxBacklog: variables.MAX_BACKLOG,
    rateLimits: { read: variables.RATE_LIMIT_READ, write: variables.RATE_LIMIT_WRITE },
  };
}

/** Null unless both halves are set. */
const pair = <T>(first: string, second: string, make: (first: string, second: string) => T): T | null =>
  first === "" || second === "" ? null : make(first, second);

/** The processor checks them at its start. */
function extractionSettings(env: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(env).filter(
    ([name, value]) => /^YTDLP_/.test(name) && typeof value === "string",
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  const name = issue.path.join(".");
  return issue.code === "invalid_type" ? `${name} is not set` : `${name} ${issue.message}`;
}
