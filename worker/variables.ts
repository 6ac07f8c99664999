import { z } from "zod";
import { AllowedHostsError, parseAllowedHosts } from "../schema/address.ts";
import { MAX_RETRY_HOURS } from "../schema/api/job-request.ts";
import { ExitsError, parseExits } from "../schema/exits.ts";
import { DEFAULT_HEARTBEAT_SECONDS, DEFAULT_LEASE_SECONDS } from "../schema/lease.ts";
import { OTLP_MEANINGS, OtlpEndpoint, OtlpHeaders, SamplerArg } from "../schema/telemetry/otlp-settings.ts";
import { withoutTrailing } from "../schema/text.ts";
import { PlansError, parsePlans } from "./lib/marketplace-plans.ts";
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

/** As text: a list of proxies, or JSON. */
export const exits = z.string().transform((text, context) => {
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
      "Where the Worker posts a JSON message when a site begins or ceases to refuse an exit or to work at all, when a newer yt-dlp is promoted or rolled back for a site, and when cookies of the operator become stale; the member `text` makes it readable in Slack",
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

/** Parses the values of all variables. */
export const Variables = z.object(
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
