import type { z } from "zod";
import { type AllowedHosts, judgeHost } from "../schema/address.ts";
import { FORWARDED_SETTINGS } from "../schema/container-settings.ts";
import type { ExitSetting } from "../schema/exits.ts";
import { leaseProblem } from "../schema/lease.ts";
import { DEFAULT_NETWORK_SLOTS, type RunSlots, slotsOf } from "../schema/run-slots.ts";
import type { OtlpConfig } from "../schema/telemetry/otlp-settings.ts";
import type { MarketplacePlans } from "./lib/marketplace-plans.ts";
import { CONFIG_VARIABLES, exits, Variables } from "./variables.ts";

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
