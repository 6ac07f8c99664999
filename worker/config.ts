import { z } from "zod";
import { type AllowedHosts, AllowedHostsError, judgeHost, parseAllowedHosts } from "../schema/address.ts";
import { MAX_RETRY_HOURS } from "../schema/api/job-request.ts";
import { FORWARDED_SETTINGS } from "../schema/container-settings.ts";
import { type ExitSetting, ExitsError, parseExits } from "../schema/exits.ts";
import { DEFAULT_HEARTBEAT_SECONDS, DEFAULT_LEASE_SECONDS, leaseProblem } from "../schema/lease.ts";
import { DEFAULT_NETWORK_SLOTS, type RunSlots, slotsOf } from "../schema/run-slots.ts";
import {
  OTLP_MEANINGS,
  type OtlpConfig,
  OtlpEndpoint,
  OtlpHeaders,
  SamplerArg,
} from "../schema/telemetry/otlp-settings.ts";
import { withoutTrailing } from "../schema/text.ts";
import { type MarketplacePlans, PlansError, parsePlans } from "./lib/marketplace-plans.ts";
import { parseSealingKeys } from "./lib/sealing-keys.ts";

/** A variable of the Worker: the only place that defines its name, rule, default and meaning. */
interface Variable {
  /** Parses the text of the variable. */
  readonly schema: z.ZodType<unknown, string>;
  /** The value if it is not set; null if it must be set. */
  readonly fallback: string | null;
  readonly secret: boolean;
  readonly meaning: string;
}

const token = z.string().min(16, "must have at least 16 characters");

const baseUrl = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .transform((url) => withoutTrailing(url, "/"));

const baseUrls = z.string().transform((text, context): string[] => {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const parsed = parts.map((part) => baseUrl.safeParse(part));
  const urls = parsed.flatMap(({ data }) => data ?? []);
  if (urls.length < parts.length) {
    context.addIssue({
      code: "custom",
      message: "must be an http or https URL, or several separated by commas",
    });
    return z.NEVER;
  }
  if (new Set(urls.map((url) => new URL(url).host)).size < urls.length) {
    context.addIssue({ code: "custom", message: "must not contain a host twice" });
    return z.NEVER;
  }
  return urls;
});

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

const plans = z.string().transform((text, context) => {
  try {
    return parsePlans(text);
  } catch (error) {
    if (!(error instanceof PlansError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
    return z.NEVER;
  }
});

const exits = z.string().transform((text, context) => {
  try {
    return parseExits(text);
  } catch (error) {
    if (!(error instanceof ExitsError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
    return z.NEVER;
  }
});

/** What runs the Worker: `embedded` is the program of a self-hosted installation, which sets it. */
const PLATFORMS = ["cloudflare", "embedded"] as const;

const VARIABLES = {
  ADMIN_TOKEN: {
    schema: token,
    fallback: null,
    secret: true,
    meaning: "Bearer of `/admin/*`; at least 16 characters",
  },
  PROCESSOR_TOKEN: {
    schema: token,
    fallback: null,
    secret: true,
    meaning: "Shared by Worker and processor; at least 16 characters",
  },
  SEALING_KEYS: {
    schema: sealingKeys,
    fallback: null,
    secret: true,
    meaning:
      "Comma-separated `id:key`, the newest first, each key 32 bytes as Base64. They seal the callers' credentials; keep an old key until `POST /admin/reseal` returns `done: true`",
  },
  PUBLIC_URL: {
    schema: baseUrl,
    fallback: null,
    secret: false,
    meaning: "The address callers and processors use",
  },
  PROCESSOR_URL: {
    schema: baseUrls,
    fallback: "",
    secret: false,
    meaning:
      "Comma-separated URLs of processors that run elsewhere; several form a pool. If empty, container instances are used. On Cloudflare each must be an https URL with a host name",
  },
  PLATFORM: {
    schema: z.enum(PLATFORMS, `must be one of ${PLATFORMS.join(", ")}`),
    fallback: "cloudflare",
    secret: false,
    meaning: "What runs the Worker, `cloudflare` or `embedded`; a self-hosted installation sets it itself",
  },
  PROCESSOR_INSTANCES: {
    schema: wholeNumber(1, 1000),
    fallback: "2",
    secret: false,
    meaning:
      "Container instances in the pool, 1 to 1000, at most `PROCESSOR_MAX_INSTANCES`; unused with `PROCESSOR_URL`",
  },
  PROCESSOR_MAX_INSTANCES: {
    schema: wholeNumber(1, 1000),
    fallback: "10",
    secret: false,
    meaning:
      "`max_instances` of the container in `wrangler.toml`, which the Worker cannot see: if the pool were larger, jobs would wait for instances that never start",
  },
  PROCESSOR_IDLE_SECONDS: {
    schema: wholeNumber(1, 3600),
    fallback: "60",
    secret: false,
    meaning:
      "A container instance without work is stopped after this many seconds, 1 to 3600; unused with `PROCESSOR_URL`",
  },
  R2_ENDPOINT: {
    schema: baseUrl,
    fallback: null,
    secret: false,
    meaning: "S3 endpoint of the managed bucket",
  },
  R2_PUBLIC_ENDPOINT: {
    schema: z.union([z.literal(""), baseUrl]),
    fallback: "",
    secret: false,
    meaning: "Where callers reach that endpoint, for signed links, if they do not reach `R2_ENDPOINT` itself",
  },
  R2_REGION: {
    schema: required,
    fallback: "auto",
    secret: false,
    meaning: "Region that requests to the managed bucket are signed for",
  },
  R2_BUCKET: {
    schema: required,
    fallback: "waterspout",
    secret: false,
    meaning: "Name of the managed bucket",
  },
  R2_ACCESS_KEY_ID: {
    schema: required,
    fallback: null,
    secret: true,
    meaning: "Access key of the managed bucket",
  },
  R2_SECRET_ACCESS_KEY: { schema: required, fallback: null, secret: true, meaning: "Its secret" },
  RAPIDAPI_PROXY_SECRET: {
    schema: z.union([z.literal(""), token]),
    fallback: "",
    secret: true,
    meaning:
      "What RapidAPI's gateway sends as `X-RapidAPI-Proxy-Secret`; if empty, calls of the gateway are refused",
  },
  RAPIDAPI_PLANS: {
    schema: plans,
    fallback: "",
    secret: false,
    meaning:
      'Limits of RapidAPI\'s plans as JSON, the lowest plan first, for example `{"BASIC": {"max_concurrent_jobs": 2, "max_resolution": 1080}}`, with the members of an account\'s limits; if empty, BASIC, PRO, ULTRA and MEGA are built in',
  },
  SPOTIFY_CLIENT_ID: {
    schema: z.string(),
    fallback: "",
    secret: false,
    meaning:
      "Client id of an application at developer.spotify.com; without it and its secret, Spotify URLs are refused",
  },
  SPOTIFY_CLIENT_SECRET: { schema: z.string(), fallback: "", secret: true, meaning: "Its secret" },
  SPOTIFY_MARKET: {
    schema: z.string().regex(/^[A-Z]{2}$/, "must be two capital letters"),
    fallback: "US",
    secret: false,
    meaning: "Country whose catalogue is used, two letters",
  },
  SPOTIFY_API_URL: {
    schema: baseUrl,
    fallback: "https://api.spotify.com",
    secret: false,
    meaning: "Base URL of Spotify's Web API",
  },
  SPOTIFY_ACCOUNTS_URL: {
    schema: baseUrl,
    fallback: "https://accounts.spotify.com",
    secret: false,
    meaning: "Base URL of the service that issues its tokens",
  },
  ITUNES_SEARCH_URL: {
    schema: baseUrl,
    fallback: "https://itunes.apple.com",
    secret: false,
    meaning: "Base URL of the iTunes Search API, a directory of open podcast feeds",
  },
  PODCAST_INDEX_URL: {
    schema: baseUrl,
    fallback: "https://api.podcastindex.org",
    secret: false,
    meaning: "Base URL of Podcast Index, a second directory of open podcast feeds",
  },
  PODCAST_INDEX_KEY: {
    schema: z.string(),
    fallback: "",
    secret: true,
    meaning: "Key of Podcast Index; without it and its secret, only iTunes is asked",
  },
  PODCAST_INDEX_SECRET: { schema: z.string(), fallback: "", secret: true, meaning: "Its secret" },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    schema: OtlpEndpoint,
    fallback: "",
    secret: false,
    meaning: OTLP_MEANINGS.endpoint,
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    schema: OtlpHeaders,
    fallback: "",
    secret: true,
    meaning: OTLP_MEANINGS.headers,
  },
  OTEL_TRACES_SAMPLER_ARG: {
    schema: SamplerArg,
    fallback: "1",
    secret: false,
    meaning: OTLP_MEANINGS.ratio,
  },
  EXITS: {
    schema: exits,
    fallback: "",
    secret: true,
    meaning:
      "The addresses from which sources are asked: proxies (http, https, socks5) separated by commas, or a JSON list with countries, costs and limits, see [Exits](exits.md); `direct` stands for the processor's own address. If empty, `YTDLP_PROXY`, and without that the processor's own address",
  },
  ALERT_WEBHOOK_URL: {
    schema: z.union([z.literal(""), baseUrl]),
    fallback: "",
    secret: true,
    meaning:
      "Where the Worker posts a JSON message when a site begins or ceases to refuse an exit or to work at all, and when a newer yt-dlp is promoted or rolled back for a site; the member `text` makes it readable in Slack",
  },
  YTDLP_CANARY_PERCENT: {
    schema: wholeNumber(0, 100),
    fallback: "5",
    secret: false,
    meaning:
      "Share of each site's runs that try a newer yt-dlp first while it is on trial, 0 to 100; 0: only after the pinned one failed. Processors have a newer one with `YTDLP_AUTO_UPDATE` or `YTDLP_CANDIDATE_PATH`",
  },
  YTDLP_PROMOTE_AFTER: {
    schema: wholeNumber(1, 1000),
    fallback: "5",
    secret: false,
    meaning:
      "Runs of a site that the pinned yt-dlp fails and the newer one serves before that one comes first there, 1 to 1000",
  },
  RIGHTS_CONTACT: {
    schema: z
      .string()
      .trim()
      .max(200)
      .regex(/^[^\p{C}]*$/u),
    fallback: "",
    secret: false,
    meaning:
      "Whom callers ask about sources that you [deny](rights.md): an e-mail address or a page; shown in the error of such jobs",
  },
  LISTING_SECONDS: {
    schema: wholeNumber(1, 60),
    fallback: "60",
    secret: false,
    meaning: "How long the listing of a show or playlist may take, 1 to 60",
  },
  ALLOWED_PRIVATE_HOSTS: {
    schema: hosts,
    fallback: "",
    secret: false,
    meaning: "Comma-separated private `host:port` pairs that jobs may reach; the same as the processors'",
  },
  LEASE_SECONDS: {
    schema: wholeNumber(3, 600),
    fallback: `${DEFAULT_LEASE_SECONDS}`,
    secret: false,
    meaning:
      "Seconds that a run may be silent before another run takes over its job, 3 to 600; at least three times `HEARTBEAT_SECONDS`",
  },
  HEARTBEAT_SECONDS: {
    schema: wholeNumber(1, 3600),
    fallback: `${DEFAULT_HEARTBEAT_SECONDS}`,
    secret: false,
    meaning: "Seconds between two heartbeats of the processors; the same as theirs",
  },
  BATCH_WINDOW: {
    schema: wholeNumber(1, 500),
    fallback: "20",
    secret: false,
    meaning: "Jobs of one show, playlist or bulk request that are in flight at the same time, 1 to 500",
  },
  RATE_LIMIT_READ: {
    schema: wholeNumber(1, 10_000_000),
    fallback: "300000",
    secret: false,
    meaning:
      "Read requests per key and minute; `wrangler.toml` sets the same limit for all isolates together",
  },
  RATE_LIMIT_WRITE: {
    schema: wholeNumber(1, 10_000_000),
    fallback: "120000",
    secret: false,
    meaning: "Write requests per key and minute",
  },
  MAX_BACKLOG: {
    schema: wholeNumber(1, 1_000_000),
    fallback: "50000",
    secret: false,
    meaning:
      "Jobs of all accounts that may wait for a processor, 1 to 1000000; while more wait, new ones are refused (503 `overloaded`)",
  },
  RETRY_HORIZON_HOURS: {
    schema: wholeNumber(0, MAX_RETRY_HOURS),
    fallback: "24",
    secret: false,
    meaning:
      "Hours for which failures of the network or a storage and rate limits are retried, 0 to 168; a job may override it (`max_retry_hours`)",
  },
  REUSE_HOURS: {
    schema: wholeNumber(0, 8760),
    fallback: "24",
    secret: false,
    meaning:
      "Hours for which a delivered file is copied for later jobs of its account instead of fetching the same media again, 0 to 8760; 0: never. A direct link that states its version is not bound to them",
  },
  RETENTION_DAYS: {
    schema: wholeNumber(1, 3650),
    fallback: "7",
    secret: false,
    meaning:
      "Days for which delivered files in the managed bucket are kept, 1 to 3650; an account may override it",
  },
  JOB_RETENTION_DAYS: {
    schema: wholeNumber(0, 3650),
    fallback: "90",
    secret: false,
    meaning:
      "Days for which ended jobs, batches and audit entries are kept in the database, 1 to 3650; 0 keeps them forever. An account may override it. A job is kept at least as long as its file",
  },
  ARCHIVE_JOBS: {
    schema: z.enum(["true", "false"], "must be true or false").transform((text) => text === "true"),
    fallback: "false",
    secret: false,
    meaning:
      "`true`: before rows are removed from the database, they are written to the managed bucket, as lines of JSON under `.archive/`",
  },
} as const satisfies Record<string, Variable>;

type Variables = typeof VARIABLES;

const Variables = z.object(
  Object.fromEntries(Object.entries(VARIABLES).map(([name, { schema }]) => [name, schema])) as {
    [K in keyof Variables]: Variables[K]["schema"];
  },
);

/** Every variable by its name, for the README. */
export const CONFIG_VARIABLES: readonly (Omit<Variable, "schema"> & { readonly name: string })[] =
  Object.entries<Variable>(VARIABLES).map(([name, { fallback, secret, meaning }]) => ({
    name,
    fallback,
    secret,
    meaning,
  }));

/** The checked configuration. */
export interface Config {
  readonly adminToken: string;
  readonly processorToken: string;
  /** At least one, the newest first. */
  readonly sealingKeys: readonly { readonly id: string; readonly bytes: Uint8Array<ArrayBuffer> }[];
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly processor:
    | { readonly type: "http"; readonly urls: readonly [string, ...string[]] }
    | { readonly type: "containers"; readonly instances: number; readonly slots: RunSlots };
  readonly processorIdleMs: number;
  /** The processor's settings that container instances get as they are, see `schema/container-settings.ts`. */
  readonly forwarded: Readonly<Record<string, string>>;
  readonly bucket: ManagedBucketConfig;
  /** Null: gateways may not call. */
  readonly rapidApiSecret: string | null;
  readonly rapidApiPlans: MarketplacePlans;
  readonly spotify: SpotifyConfig;
  readonly directories: DirectoryConfig;
  readonly otlp: OtlpConfig;
  /** In the operator's order; empty: only the processors' own way. */
  readonly exits: readonly ExitSetting[];
  /** Null: nobody is alerted. */
  readonly alertUrl: string | null;
  /** Whom callers ask about denied sources; null: "the operator". */
  readonly rightsContact: string | null;
  /** How newer versions of yt-dlp are tried. */
  readonly ytdlp: { readonly canaryPercent: number; readonly promoteAfter: number };
  readonly listingMs: number;
  readonly allowedPrivateHosts: AllowedHosts;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly retentionDays: number;
  /** 0: forever. */
  readonly jobRetentionDays: number;
  readonly archiveJobs: boolean;
  readonly retryHorizonHours: number;
  /** 0: every job fetches its media. */
  readonly reuseHours: number;
  /** Maximum number of released, unfinished jobs of one batch. */
  readonly batchWindow: number;
  /** Maximum number of due jobs of all accounts. */
  readonly maxBacklog: number;
  /** Requests per key and minute. */
  readonly rateLimits: { readonly read: number; readonly write: number };
}

/** The operator's own bucket, as any S3 service. */
export interface ManagedBucketConfig {
  readonly endpoint: string;
  /** Endpoint of signed links. */
  readonly publicEndpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface SpotifyConfig {
  /** Null: Spotify is not configured. */
  readonly credentials: { readonly id: string; readonly secret: string } | null;
  /** ISO 3166-1. @example "US" */
  readonly market: string;
  readonly apiUrl: string;
  readonly accountsUrl: string;
}

/** Where the open feeds of shows are looked up. */
export interface DirectoryConfig {
  readonly itunesUrl: string;
  /** Null: it is not used. */
  readonly podcastIndex: { readonly url: string; readonly key: string; readonly secret: string } | null;
}

/** A variable is missing or invalid; the message says which one and why. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads and checks every variable.
 *
 * @throws ConfigError with one sentence that names each invalid variable, but never a value
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
  const [processorUrl, ...otherUrls] = variables.PROCESSOR_URL;
  if (variables.PLATFORM === "cloudflare") {
    const problems = variables.PROCESSOR_URL.flatMap((url) => processorUrlProblem(url) ?? []);
    if (problems.length > 0) throw new ConfigError(problems.join("; "));
  }
  const { PROCESSOR_INSTANCES: instances, PROCESSOR_MAX_INSTANCES: most } = variables;
  if (processorUrl === undefined && instances > most) {
    throw new ConfigError(
      `PROCESSOR_INSTANCES (${instances}) must not be greater than PROCESSOR_MAX_INSTANCES (${most}), ` +
        "which must equal max_instances of the container in wrangler.toml: raise both, or lower PROCESSOR_INSTANCES",
    );
  }
  return {
    adminToken: variables.ADMIN_TOKEN,
    processorToken: variables.PROCESSOR_TOKEN,
    sealingKeys: variables.SEALING_KEYS,
    publicUrl: variables.PUBLIC_URL,
    processor:
      processorUrl === undefined
        ? { type: "containers", instances, slots: slotsOfInstance(env) }
        : { type: "http", urls: [processorUrl, ...otherUrls] },
    forwarded: forwardedSettings(env),
    processorIdleMs: variables.PROCESSOR_IDLE_SECONDS * 1000,
    bucket: {
      endpoint: variables.R2_ENDPOINT,
      bucket: variables.R2_BUCKET,
      publicEndpoint: variables.R2_PUBLIC_ENDPOINT || variables.R2_ENDPOINT,
      region: variables.R2_REGION,
      accessKeyId: variables.R2_ACCESS_KEY_ID,
      secretAccessKey: variables.R2_SECRET_ACCESS_KEY,
    },
    rapidApiSecret: variables.RAPIDAPI_PROXY_SECRET || null,
    rapidApiPlans: variables.RAPIDAPI_PLANS,
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
    otlp: {
      endpoint: variables.OTEL_EXPORTER_OTLP_ENDPOINT,
      headers: variables.OTEL_EXPORTER_OTLP_HEADERS,
      ratio: variables.OTEL_TRACES_SAMPLER_ARG,
    },
    exits: variables.EXITS.length > 0 ? variables.EXITS : proxiesOf(env),
    ytdlp: {
      canaryPercent: variables.YTDLP_CANARY_PERCENT,
      promoteAfter: variables.YTDLP_PROMOTE_AFTER,
    },
    alertUrl: variables.ALERT_WEBHOOK_URL || null,
    rightsContact: variables.RIGHTS_CONTACT || null,
    listingMs: variables.LISTING_SECONDS * 1000,
    allowedPrivateHosts: variables.ALLOWED_PRIVATE_HOSTS,
    leaseMs: leaseSeconds * 1000,
    heartbeatMs: heartbeatSeconds * 1000,
    retentionDays: variables.RETENTION_DAYS,
    jobRetentionDays: variables.JOB_RETENTION_DAYS,
    archiveJobs: variables.ARCHIVE_JOBS,
    retryHorizonHours: variables.RETRY_HORIZON_HOURS,
    reuseHours: variables.REUSE_HOURS,
    batchWindow: variables.BATCH_WINDOW,
    maxBacklog: variables.MAX_BACKLOG,
    rateLimits: { read: variables.RATE_LIMIT_READ, write: variables.RATE_LIMIT_WRITE },
  };
}

/** Null unless both halves are set. */
const pair = <T>(first: string, second: string, make: (first: string, second: string) => T): T | null =>
  first === "" || second === "" ? null : make(first, second);

/** How the processor of an instance reads its settings; it refuses to start with anything but whole numbers. */
function slotsOfInstance({ NETWORK_SLOTS, RESERVED_SLOTS }: Readonly<Record<string, unknown>>): RunSlots {
  const all = Number(NETWORK_SLOTS || DEFAULT_NETWORK_SLOTS);
  return slotsOf(all, RESERVED_SLOTS ? Number(RESERVED_SLOTS) : undefined);
}

/** `YTDLP_PROXY`, the short form of `EXITS`. It is a setting of the processor, which does not start with a wrong one. */
function proxiesOf({ YTDLP_PROXY }: Readonly<Record<string, unknown>>): readonly ExitSetting[] {
  return exits.safeParse(YTDLP_PROXY).data ?? [];
}

/** The processor checks them at its start. */
function forwardedSettings(env: Readonly<Record<string, unknown>>): Record<string, string> {
  const set = FORWARDED_SETTINGS.flatMap((name) => {
    const value = env[name];
    return typeof value === "string" && value !== "" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(set);
}

/**
 * Why Cloudflare's network could not reach a processor, or only without encryption; null when it can. A Worker there
 * connects only to public host names, and what it sends contains the credentials of callers.
 */
function processorUrlProblem(text: string): string | null {
  const { hostname, protocol } = new URL(text);
  const why =
    protocol !== "https:"
      ? "is not https, and the credentials of callers travel to the processor"
      : isAddress(hostname)
        ? "names an address, and a Worker on Cloudflare connects to host names only"
        : judgeHost(hostname).allowed
          ? null
          : "names a host that only its own network knows";
  if (why === null) return null;
  return (
    `PROCESSOR_URL ${text} ${why}: give the processor a host name with a certificate, ` +
    "by a tunnel (cloudflared) or a reverse proxy with TLS (Caddy), and set PROCESSOR_URL to https://<that name>"
  );
}

/** Hosts of parsed URLs: every form of an IPv4 address has become four numbers, and IPv6 is in brackets. */
const isAddress = (hostname: string): boolean => /^[\d.]+$/.test(hostname) || hostname.startsWith("[");

function sentenceOf(issue: z.core.$ZodIssue): string {
  const name = issue.path.join(".");
  return issue.code === "invalid_type" ? `${name} is not set` : `${name} ${issue.message}`;
}
