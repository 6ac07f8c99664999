import { z } from "zod";
import { withoutTrailing } from "../text.ts";

/** Settings of the export of traces, which Worker and processor share; the names are OpenTelemetry's. */

/** Names of header fields. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const BAD_URL = "must be an http or https URL";

/** Null if it is empty. */
export const OtlpEndpoint = z
  .union([z.literal(""), z.url({ protocol: /^https?$/, error: BAD_URL })], BAD_URL)
  .transform((url) => (url === "" ? null : withoutTrailing(url, "/")));

/** As OpenTelemetry writes them: `name=value` pairs separated by commas, values percent-encoded. */
export const OtlpHeaders = z.string().transform((text, context): Readonly<Record<string, string>> => {
  const pairs = text
    .split(",")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, Math.max(0, at)).trim(), decoded(pair.slice(at + 1).trim())] as const;
    });
  if (pairs.every(([name, value]) => HEADER_NAME.test(name) && value !== null)) {
    return Object.fromEntries(pairs.map(([name, value]) => [name, value ?? ""]));
  }
  context.addIssue({ code: "custom", message: "must be name=value pairs, separated by commas" });
  return z.NEVER;
});

function decoded(text: string): string | null {
  try {
    const value = decodeURIComponent(text);
    return /[\r\n\0]/.test(value) ? null : value;
  } catch {
    return null;
  }
}

const SHARE = "must be a number from 0 to 1";

/** Share of the traces that are exported. */
export const SamplerArg = z
  .string()
  .regex(/^(0|1|0?\.\d+|[01]\.\d+)$/, SHARE)
  .transform(Number)
  .pipe(z.number().max(1, SHARE));

/** Where spans are sent. */
export interface OtlpConfig {
  /** Base URL; the spans go to `/v1/traces` below it. Null: nothing is exported. */
  readonly endpoint: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly ratio: number;
}

/** What the variables mean, for both READMEs' tables. */
export const OTLP_MEANINGS = {
  endpoint:
    "Base URL of an OpenTelemetry collector; traces are sent to `/v1/traces` below it, as OTLP over HTTP in JSON. If empty, none are",
  headers:
    "Header fields for the collector, as `name=value` pairs separated by commas, values percent-encoded",
  ratio:
    "Share of the traces that begin here and are exported, 0 to 1; a request with a `traceparent` header decides for itself",
} as const;

/** The variables that make another program export to the same place. */
export function otlpVariables({ endpoint, headers, ratio }: OtlpConfig): Record<string, string> {
  if (endpoint === null) return {};
  const pairs = Object.entries(headers).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: pairs.join(","),
    OTEL_TRACES_SAMPLER_ARG: `${ratio}`,
  };
}
