/**
 * Who decides a setting of the processor in a container instance on Cloudflare:
 * - `forwarded`: the Worker's variable or secret of the same name, where it has one; else the processor's default
 * - `object`: the object that owns the instance, out of the Worker's own configuration
 * - `image`: the image, in which programs and folders have their places
 */
export type ContainerSetting = "forwarded" | "object" | "image";

/**
 * Every setting of the processor. A setting that is missing here would be ignored on Cloudflare, and a test refuses that.
 *
 * @example CONTAINER_SETTINGS.MAX_RUN_SECONDS // "forwarded"
 */
export const CONTAINER_SETTINGS = {
  PORT: "object",
  HOST: "image",
  WORKER_URL: "object",
  PROCESSOR_TOKEN: "object",
  INSTANCE: "object",
  NETWORK_SLOTS: "forwarded",
  RESERVED_SLOTS: "forwarded",
  CPU_SLOTS: "forwarded",
  WORK_DIR: "image",
  KEEP_COPIES_ON_DISK: "forwarded",
  MAX_FILESIZE_BYTES: "forwarded",
  MAX_RUN_SECONDS: "forwarded",
  LIVE_STALL_SECONDS: "forwarded",
  STALL_SECONDS: "forwarded",
  MIN_BYTES_PER_SECOND: "forwarded",
  PROBE_SECONDS: "forwarded",
  TOOL_ISOLATION: "forwarded",
  TOOL_MEMORY_BYTES: "forwarded",
  INSPECT_MEMORY_BYTES: "forwarded",
  INSPECT_CPU_SECONDS: "forwarded",
  INSPECT_SECONDS: "forwarded",
  YTDLP_MEMORY_BYTES: "forwarded",
  YTDLP_CPU_SECONDS: "forwarded",
  YTDLP_PAGE_BYTES: "forwarded",
  ALLOWED_PRIVATE_HOSTS: "object",
  CONNECTIONS_PER_SOURCE: "forwarded",
  CONNECTIONS_BY_HOST: "forwarded",
  HEARTBEAT_SECONDS: "object",
  LEASE_SECONDS: "object",
  DRAIN_SECONDS: "forwarded",
  OTEL_EXPORTER_OTLP_ENDPOINT: "object",
  OTEL_EXPORTER_OTLP_HEADERS: "object",
  OTEL_TRACES_SAMPLER_ARG: "object",
  YTDLP_PATH: "image",
  FFMPEG_PATH: "image",
  FFPROBE_PATH: "image",
  PATH: "image",
  YTDLP_CHANNEL: "forwarded",
  YTDLP_CANDIDATE_PATH: "image",
  YTDLP_AUTO_UPDATE: "forwarded",
  YTDLP_UPDATE_DIR: "image",
  PIP_INDEX_URL: "forwarded",
  // there is no file of the operator's in an instance
  YTDLP_COOKIES_FILE: "image",
  YTDLP_COOKIES: "forwarded",
  YTDLP_PROXY: "forwarded",
  YTDLP_EXTRACTOR_ARGS: "forwarded",
  YTDLP_USER_AGENT: "forwarded",
  YTDLP_POT_PROVIDER_URL: "forwarded",
  YTDLP_POT_PROVIDERS_BY_EXIT: "forwarded",
  YTDLP_EXTRACTOR_RETRIES: "forwarded",
  YTDLP_SLEEP_REQUESTS: "forwarded",
} as const satisfies Readonly<Record<string, ContainerSetting>>;

/** Settings that only the operator decides, so that they must reach an instance from the Worker's variables. */
export const FORWARDED_SETTINGS: readonly string[] = Object.entries(CONTAINER_SETTINGS).flatMap(
  ([name, decides]) => (decides === "forwarded" ? [name] : []),
);
