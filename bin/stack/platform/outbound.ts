import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import { pipeline } from "node:stream";
import { EgressPolicy, type Lookup } from "../../../processor/egress/policy.ts";
import { Fault } from "../../../processor/fault.ts";
import { parseAllowedHosts } from "../../../schema/address.ts";
import { EGRESS_URL_HEADER, type NetworkHandler } from "./workers.ts";

/** Longest time without a byte in either direction; the Worker's own limits are shorter. */
const SILENCE_MS = 120_000;

export interface Outbound {
  readonly handler: NetworkHandler;
  /** Closes every connection. */
  close(): void;
}

/**
 * Sends the Worker's requests to the network, by the same rules as the processor's: the name is judged and
 * resolved, each of its addresses is judged, and a judged address is dialled. Redirects go back to the Worker, whose
 * next request is judged like any other.
 *
 * A request that cannot be sent gets the response of Cloudflare's network, see {@link unreachable}.
 *
 * @param lookup replaces the system's resolver
 */
export function createOutbound(openedHosts: readonly string[], lookup?: Lookup): Outbound {
  const opened = parseAllowedHosts(openedHosts.join(","));
  const policy = new EgressPolicy({ opened, ...(lookup ? { lookup } : {}) });
  return {
    handler: (request, response) => forward(policy, request, response),
    close: () => policy.close(),
  };
}

function forward(policy: EgressPolicy, request: IncomingMessage, response: ServerResponse): void {
  const url = URL.parse(String(request.headers[EGRESS_URL_HEADER]));
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    answerUnreachable(response, "NotPublic");
    return;
  }
  const transport = url.protocol === "https:" ? https : http;
  const onward = transport.request(withoutCredentials(url), {
    method: request.method ?? "GET",
    agent: policy.agentFor(url.protocol),
    headers: headersToSend(request.rawHeaders),
    setHost: false,
    timeout: SILENCE_MS,
  });
  onward.once("timeout", () => onward.destroy(new Error("nothing was sent or received for too long")));
  onward.once("response", (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.statusMessage ?? "", headersToSend(reply.rawHeaders));
    response.flushHeaders();
    pipeline(reply, response, () => {});
  });
  onward.on("error", (error) => {
    if (response.headersSent) response.destroy();
    else answerUnreachable(response, causeOf(error));
  });
  response.once("close", () => onward.destroy());
  pipeline(request, onward, () => {});
}

/** Why a request could not be sent. */
type Cause = "NotPublic" | "UnknownHost" | "TLS" | "Unreachable";

/** The statuses with which Cloudflare's network reports this to a Worker. */
const STATUS: Readonly<Record<Cause, number>> = {
  NotPublic: 530,
  UnknownHost: 530,
  TLS: 526,
  Unreachable: 521,
};

function answerUnreachable(response: ServerResponse, cause: Cause): void {
  const body = JSON.stringify({ error: cause });
  response.writeHead(STATUS[cause], { "content-type": "application/json" }).end(body);
}

function causeOf(error: Error): Cause {
  if (error instanceof Fault) {
    if (error.code === "egress_blocked") return "NotPublic";
    return isLookup(error.cause) ? "UnknownHost" : "Unreachable";
  }
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_)/.test(code)
    ? "TLS"
    : "Unreachable";
}

const isLookup = (error: unknown): boolean =>
  error instanceof Error && /^getaddrinfo|^ENOTFOUND/.test(error.message);

/** The user and password in an address are for its owner only; they become no header. */
function withoutCredentials(url: URL): URL {
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  return plain;
}

/** Headers of one connection, and those that the platform adds for its own use, such as its secret. */
const NOT_SENT =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|mf-.*|cf-.*|x-waterspout-egress-.*)$/i;

/** Raw headers (name, value, name, value …) that are meant for the other end. */
const headersToSend = (rawHeaders: readonly string[]): string[] =>
  rawHeaders.filter((_, i) => !NOT_SENT.test(rawHeaders[i - (i % 2)] ?? ""));
