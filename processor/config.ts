import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { AllowedHostsError, parseAllowedHosts } from "../schema/address.ts";
import { isProxyUrl } from "../schema/exits.ts";
import { DEFAULT_HEARTBEAT_SECONDS, DEFAULT_LEASE_SECONDS, leaseProblem } from "../schema/lease.ts";
import { DEFAULT_NETWORK_SLOTS } from "../schema/run-slots.ts";
import { OTLP_MEANINGS, OtlpEndpoint, OtlpHeaders, SamplerArg } from "../schema/telemetry/otlp-settings.ts";
import { COOKIE_FORMAT, cookiesOfText } from "./operator-cookies.ts";

/** One environment variable: the only place that defines its name, default, meaning and rule. */
interface Variable {
  readonly name: string;
  /** What the README shows; also the value that is parsed when `fallback` is absent. Undefined: required or off. */
  readonly default?: string;
  /** For defaults that depend on the machine. */
  readonly fallback?: () => string;
  readonly meaning: string;
  /** Parses the text of the variable. */
  readonly schema: z.ZodType<unknown, string | undefined>;
}

const MAX_CONNECTIONS = 64;

const text = z.string("is required");
const optionalText = z.string().optional();

const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  text
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

const httpUrl = text.refine((value) => isHttpUrl(value), "must be an http or https URL");

const proxyList = z
  .string()
  .default("")
  .transform((value) => listOf(value))
  .refine((urls) => urls.every(isProxyUrl), "must be http, https or socks5 proxy URLs, separated by commas");

const allowedHosts = z
  .string()
  .optional()
  .transform((value, context) => {
    try {
      return parseAllowedHosts(value);
    } catch (error) {
      if (!(error instanceof AllowedHostsError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });

/** Tools do not start with less. */
const SMALLEST_TOOL_BYTES = 512 << 20;
const TOOL_ISOLATION = ["auto", "required", "off"] as const;

/** The channel names of yt-dlp's own builds. */
const YTDLP_CHANNELS = ["stable", "nightly", "master"] as const;

/** The configuration of a processor, by the name its code uses. */
const VARIABLES = {
  port: {
    name: "PORT",
    default: "8080",
    meaning: "Port that the processor listens on; 0 picks a free one",
    schema: wholeNumber(0, 65_535),
  },
  host: {
    name: "HOST",
    default: "0.0.0.0",
    meaning: "Address that the processor listens on",
    schema: text,
  },
  workerUrl: {
    name: "WORKER_URL",
    meaning: "Base URL of the Worker, for reports of progress and outcome (required)",
    schema: httpUrl,
  },
  processorToken: {
    name: "PROCESSOR_TOKEN",
    meaning: "Secret that the Worker sends with every call, 16 characters or more (required)",
    schema: text.min(16, "must have at least 16 characters"),
  },
  instance: {
    name: "INSTANCE",
    default: "processor-0",
    meaning: "Name of this processor in reports and logs",
    schema: text.max(100, "must have at most 100 characters"),
  },
  networkSlots: {
    name: "NETWORK_SLOTS",
    default: `${DEFAULT_NETWORK_SLOTS}`,
    meaning: "Runs that may download and upload at the same time",
    schema: wholeNumber(1, 1000),
  },
  reservedSlots: {
    name: "RESERVED_SLOTS",
    default: "a quarter of `NETWORK_SLOTS`, at least 1",
    fallback: () => "",
    meaning:
      "How many of `NETWORK_SLOTS` are reserved for jobs outside of batches; at least one slot is open to both",
    schema: z
      .string()
      .default("")
      .transform((value) => (value === "" ? undefined : value))
      .pipe(wholeNumber(0, 1000).optional()),
  },
  cpuSlots: {
    name: "CPU_SLOTS",
    default: "number of cores",
    fallback: () => String(Math.max(1, availableParallelism())),
    meaning: "Runs that may re-encode at the same time",
    schema: wholeNumber(1, 1000),
  },
  workDir: {
    name: "WORK_DIR",
    default: "`waterspout` in the system's temporary folder",
    fallback: () => join(tmpdir(), "waterspout"),
    meaning: "Folder for work files; its content is wiped at start-up",
    schema: text,
  },
  keepCopiesOnDisk: {
    name: "KEEP_COPIES_ON_DISK",
    default: "true",
    meaning:
      "`false`: copies of HLS and DASH go to the storage through memory alone, and their jobs have no SHA-256 ([why](decisions/copies-without-a-disk.md)); otherwise they are kept in `WORK_DIR` until it is known",
    schema: z.enum(["true", "false"], "must be true or false").transform((value) => value === "true"),
  },
  maxFilesizeBytes: {
    name: "MAX_FILESIZE_BYTES",
    default: "53687091200",
    meaning: "Largest file that is delivered, in bytes (50 GiB)",
    schema: wholeNumber(1),
  },
  maxRunSeconds: {
    name: "MAX_RUN_SECONDS",
    default: "21600",
    meaning: "Longest time one run may take, in seconds (6 hours); a recording's own length is added to it",
    schema: wholeNumber(1),
  },
  liveStallSeconds: {
    name: "LIVE_STALL_SECONDS",
    default: "60",
    meaning: "A recording whose source is silent for this long ends with what there is, in seconds",
    schema: wholeNumber(1, 3600),
  },
  stallSeconds: {
    name: "STALL_SECONDS",
    default: "60",
    meaning:
      "Seconds after which a transfer fails, and is retried later, if its source sends fewer than `MIN_BYTES_PER_SECOND` or its storage does not respond",
    schema: wholeNumber(1, 3600),
  },
  minBytesPerSecond: {
    name: "MIN_BYTES_PER_SECOND",
    default: "256",
    meaning: "Fewer bytes per second than this count as a stall; see `STALL_SECONDS`",
    schema: wholeNumber(1, 1 << 20),
  },
  probeSeconds: {
    name: "PROBE_SECONDS",
    default: "20",
    meaning: "Seconds that a source may take to respond when nothing is delivered (`/metadata`)",
    schema: wholeNumber(1, 60),
  },
  toolIsolation: {
    name: "TOOL_ISOLATION",
    default: "auto",
    meaning:
      "Sandbox around each tool (Landlock: only its own work folder, the system's libraries and the processor's proxy). `auto` uses what the kernel supports, as `/healthz` reports; `required` refuses to start without it; `off` uses none, but keeps the limits of memory and time",
    schema: z.enum(TOOL_ISOLATION, `must be one of ${TOOL_ISOLATION.join(", ")}`),
  },
  toolMemoryBytes: {
    name: "TOOL_MEMORY_BYTES",
    default: "8589934592",
    meaning:
      "Address space of an ffmpeg that writes a file, in bytes (8 GiB); its deadline is `MAX_RUN_SECONDS`",
    schema: wholeNumber(SMALLEST_TOOL_BYTES),
  },
  inspectMemoryBytes: {
    name: "INSPECT_MEMORY_BYTES",
    default: "2147483648",
    meaning:
      "Address space of a tool that only inspects a file or converts a thumbnail or subtitles, in bytes (2 GiB)",
    schema: wholeNumber(SMALLEST_TOOL_BYTES),
  },
  inspectCpuSeconds: {
    name: "INSPECT_CPU_SECONDS",
    default: "60",
    meaning: "Processor time of such a tool, in seconds",
    schema: wholeNumber(1, 86_400),
  },
  inspectSeconds: {
    name: "INSPECT_SECONDS",
    default: "180",
    meaning: "Deadline of such a tool, in seconds; it may wait for a slow source",
    schema: wholeNumber(1, 86_400),
  },
  ytdlpMemoryBytes: {
    name: "YTDLP_MEMORY_BYTES",
    default: "3221225472",
    meaning: "Address space of one task of yt-dlp, and of each program that it starts, in bytes (3 GiB)",
    schema: wholeNumber(SMALLEST_TOOL_BYTES),
  },
  ytdlpCpuSeconds: {
    name: "YTDLP_CPU_SECONDS",
    default: "300",
    meaning:
      "Processor time of one extraction of yt-dlp, in seconds; a download is limited by `MAX_RUN_SECONDS`",
    schema: wholeNumber(1, 86_400),
  },
  ytdlpPageBytes: {
    name: "YTDLP_PAGE_BYTES",
    default: "33554432",
    meaning:
      "Largest page or manifest that an extraction reads into memory, before and after decompression, in bytes (32 MiB)",
    schema: wholeNumber(1 << 20),
  },
  allowedPrivateHosts: {
    name: "ALLOWED_PRIVATE_HOSTS",
    meaning: "Comma-separated private `host:port` pairs that runs may reach; the same as the Worker's",
    schema: allowedHosts,
  },
  connectionsPerSource: {
    name: "CONNECTIONS_PER_SOURCE",
    default: "12",
    meaning:
      "Most concurrent connections of a run for each stream of its source; it begins with two and opens more as long as that makes it faster",
    schema: wholeNumber(1, MAX_CONNECTIONS),
  },
  connectionsByHost: {
    name: "CONNECTIONS_BY_HOST",
    meaning:
      "Other numbers of connections for single hosts and their subdomains, as comma-separated `host=number`; 1 reads through one connection at a time",
    schema: z
      .string()
      .default("")
      .transform(connectionsByHost)
      .refine(
        (hosts) => hosts !== null,
        `must look like example.com=1, cdn.example.net=3, with numbers from 1 to ${MAX_CONNECTIONS}`,
      )
      .transform((hosts) => hosts ?? new Map<string, number>()),
  },
  heartbeatSeconds: {
    name: "HEARTBEAT_SECONDS",
    default: `${DEFAULT_HEARTBEAT_SECONDS}`,
    meaning: "Seconds between two heartbeats to the Worker; at most a third of `LEASE_SECONDS`",
    schema: wholeNumber(1, 3600),
  },
  leaseSeconds: {
    name: "LEASE_SECONDS",
    default: `${DEFAULT_LEASE_SECONDS}`,
    meaning:
      "The Worker's `LEASE_SECONDS`, 3 to 600: a processor whose heartbeats are too rare for it does not start",
    schema: wholeNumber(3, 600),
  },
  drainSeconds: {
    name: "DRAIN_SECONDS",
    default: "600",
    meaning: "Seconds after SIGTERM in which running jobs may finish before they are handed back",
    schema: wholeNumber(0, 3600),
  },
  ytdlpPath: {
    name: "YTDLP_PATH",
    meaning: "yt-dlp's program; without it, the PATH is searched",
    schema: optionalText,
  },
  ffmpegPath: {
    name: "FFMPEG_PATH",
    meaning: "ffmpeg's program; without it, the PATH is searched",
    schema: optionalText,
  },
  ffprobePath: {
    name: "FFPROBE_PATH",
    meaning: "ffprobe's program; without it, the PATH is searched",
    schema: optionalText,
  },
  searchPath: {
    name: "PATH",
    default: "/usr/local/bin:/usr/bin:/bin",
    meaning: "Where the three tools are searched",
    schema: text,
  },
  ytdlpChannel: {
    name: "YTDLP_CHANNEL",
    meaning:
      "Release channel of yt-dlp, `stable`, `nightly` or `master`: the set-up and the image install it, and a processor that finds another one does not start. If unset, any channel is accepted",
    schema: z.enum(YTDLP_CHANNELS, `must be one of ${YTDLP_CHANNELS.join(", ")}`).optional(),
  },
  ytdlpCandidatePath: {
    name: "YTDLP_CANDIDATE_PATH",
    meaning:
      "Program of a second yt-dlp, which is tried next to the pinned one, see [Two versions of yt-dlp](versions.md); `YTDLP_AUTO_UPDATE` is not used then",
    schema: optionalText,
  },
  ytdlpAutoUpdate: {
    name: "YTDLP_AUTO_UPDATE",
    default: "false",
    meaning:
      "`true`: the processor fetches the newest yt-dlp of its channel (`stable` or `nightly`) from `PIP_INDEX_URL`, at its start and every twelve hours, checks it by the SHA-256 that the index publishes, and tries it next to the pinned one",
    schema: z.enum(["true", "false"], "must be true or false").transform((value) => value === "true"),
  },
  ytdlpUpdateDir: {
    name: "YTDLP_UPDATE_DIR",
    default: "`waterspout-ytdlp` in the system's temporary folder",
    fallback: () => join(tmpdir(), "waterspout-ytdlp"),
    meaning:
      "Folder for the yt-dlp that `YTDLP_AUTO_UPDATE` fetches; `npm start` keeps it with its state. In `WORK_DIR`, which is wiped, it is fetched again at each start",
    schema: text,
  },
  packageIndex: {
    name: "PIP_INDEX_URL",
    default: "https://pypi.org/simple",
    meaning: "Package index of `YTDLP_AUTO_UPDATE`, and of the set-up and the image",
    schema: httpUrl,
  },
  ytdlpCookiesFile: {
    name: "YTDLP_COOKIES_FILE",
    meaning:
      "Cookies of the operator's own session at a source (Netscape format), sent after it refused a visitor without a session; each run works on a copy",
    schema: optionalText,
  },
  ytdlpCookies: {
    name: "YTDLP_COOKIES",
    meaning:
      "The same cookies as text instead of a file, for a secret store; also as Base64, and as Base64 of gzip where a secret may be only so long (5 KB on Cloudflare). Not together with `YTDLP_COOKIES_FILE`",
    schema: z
      .string()
      .optional()
      .transform((value, context) => {
        if (value === undefined) return undefined;
        const cookies = cookiesOfText(value);
        if (cookies !== null) return cookies;
        context.addIssue({ code: "custom", message: `must hold cookies ${COOKIE_FORMAT}` });
        return z.NEVER;
      }),
  },
  ytdlpProxies: {
    name: "YTDLP_PROXY",
    meaning:
      "Short form of the Worker's `EXITS`, see [Exits](exits.md): a proxy (http, https or socks5) towards the sources, or several separated by commas. A processor elsewhere uses its own for runs to which the Worker gives no exit",
    schema: proxyList,
  },
  ytdlpExtractorArgs: {
    name: "YTDLP_EXTRACTOR_ARGS",
    meaning:
      "Arguments for single extractors, in the form of yt-dlp's `--extractor-args`, separated by spaces",
    schema: z
      .string()
      .default("")
      .transform(extractorArgs)
      .refine(
        (args) => args !== null,
        "must look like youtube:player_client=web,tv;skip=dash generic:impersonate",
      )
      .transform((args) => args ?? {}),
  },
  ytdlpUserAgent: {
    name: "YTDLP_USER_AGENT",
    meaning: "User-Agent header for sources, unless a site needs another one",
    schema: optionalText,
  },
  ytdlpPotProviderUrl: {
    name: "YTDLP_POT_PROVIDER_URL",
    meaning: "Base URL of a PO-token provider; when set, yt-dlp's provider plugins are loaded",
    schema: httpUrl.optional(),
  },
  ytdlpPotProvidersByExit: {
    name: "YTDLP_POT_PROVIDERS_BY_EXIT",
    default: "",
    meaning:
      "Other PO-token providers for runs through certain exits, because a token belongs to the address that asked for it: `office=http://10.0.0.5:4416,home=http://10.0.1.5:4416`",
    schema: text.default("").transform((value, context) => {
      const pairs = value.split(",").flatMap((entry) => (entry.trim() === "" ? [] : [entry.trim()]));
      return new Map(
        pairs.map((pair) => {
          const [exit = "", ...url] = pair.split("=");
          const base = url.join("=");
          if (exit === "" || !isHttpUrl(base)) {
            context.addIssue({
              code: "custom",
              message: "must look like exit=http://host:port,other=http://host:port",
            });
          }
          return [exit.trim(), base] as const;
        }),
      ) as ReadonlyMap<string, string>;
    }),
  },
  ytdlpExtractorRetries: {
    name: "YTDLP_EXTRACTOR_RETRIES",
    default: "3",
    meaning: "How often an extraction repeats a request that failed for a known temporary reason",
    schema: wholeNumber(0, 20),
  },
  ytdlpSleepRequests: {
    name: "YTDLP_SLEEP_REQUESTS",
    default: "0",
    meaning: "Seconds to wait between two requests of one extraction",
    schema: text
      .regex(/^\d+(\.\d+)?$/, "must be a number of seconds")
      .transform(Number)
      .pipe(z.number().max(600, "must be at most 600")),
  },
  otlpEndpoint: {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    meaning: OTLP_MEANINGS.endpoint,
    schema: z.string().default("").pipe(OtlpEndpoint),
  },
  otlpHeaders: {
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    meaning: OTLP_MEANINGS.headers,
    schema: z.string().default("").pipe(OtlpHeaders),
  },
  tracesRatio: {
    name: "OTEL_TRACES_SAMPLER_ARG",
    default: "1",
    meaning: OTLP_MEANINGS.ratio,
    schema: z.string().default("1").pipe(SamplerArg),
  },
} as const satisfies Record<string, Variable>;

type Variables = typeof VARIABLES;

/** The checked configuration; {@link CONFIG_VARIABLES} explains every member. */
export type ProcessorConfig = {
  readonly [K in keyof Variables]: z.output<Variables[K]["schema"]>;
};

/** The rows of the README's table, in order. */
export const CONFIG_VARIABLES: readonly {
  readonly name: string;
  readonly default: string | undefined;
  readonly meaning: string;
}[] = Object.values<Variable>(VARIABLES).map((row) => ({
  name: row.name,
  default: row.default,
  meaning: row.meaning,
}));

/**
 * Reads the processor's configuration. An empty variable counts as not set.
 *
 * @throws Error whose message has one line for each invalid value.
 * @example readConfig({ WORKER_URL: "http://127.0.0.1:8787", PROCESSOR_TOKEN: "a long secret of mine" }).port // 8080
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): ProcessorConfig {
  const problems: string[] = [];
  const entries = Object.entries<Variable>(VARIABLES).map(([key, row]) => {
    const given = env[row.name]?.trim() || (row.fallback?.() ?? row.default);
    const result = row.schema.safeParse(given);
    if (result.success) return [key, result.data];
    problems.push(`${row.name} ${result.error.issues[0]?.message ?? "is not valid"}`);
    return [key, undefined];
  });
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const config = Object.fromEntries(entries) as ProcessorConfig;
  const problem = leaseProblem(config);
  if (problem !== null) throw new Error(problem);
  if (config.ytdlpCookies !== undefined && config.ytdlpCookiesFile !== undefined) {
    throw new Error("YTDLP_COOKIES and YTDLP_COOKIES_FILE are both set: set one of them");
  }
  return config;
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

function listOf(value: string): string[] {
  return value
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/** `example.com=1, cdn.example.net=3` by host; null for any other form. */
function connectionsByHost(value: string): Map<string, number> | null {
  const hosts = new Map<string, number>();
  for (const entry of listOf(value)) {
    const match = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])\s*=\s*(\d{1,2})$/i.exec(entry);
    const number = Number(match?.[2]);
    if (!match?.[1] || number < 1 || number > MAX_CONNECTIONS) return null;
    hosts.set(match[1].toLowerCase(), number);
  }
  return hosts;
}

/** `youtube:player_client=web,tv;skip=dash` as `{ youtube: { player_client: ["web", "tv"], skip: ["dash"] } }`. */
function extractorArgs(value: string): Record<string, Record<string, string[]>> | null {
  const result: Record<string, Record<string, string[]>> = {};
  for (const group of value.split(/\s+/).filter((part) => part !== "")) {
    const match = /^([a-zA-Z0-9_-]+):(.+)$/.exec(group);
    if (!match?.[1] || !match[2]) return null;
    const extractor = match[1].toLowerCase();
    const args = result[extractor] ?? {};
    result[extractor] = args;
    for (const pair of match[2].split(";")) {
      const [name = "", values = ""] = pair.split(/=(.*)/s);
      if (!/^[a-zA-Z0-9_-]+$/.test(name)) return null;
      args[name.toLowerCase().replaceAll("-", "_")] = values.split(",").map((entry) => entry.trim());
    }
  }
  return result;
}
