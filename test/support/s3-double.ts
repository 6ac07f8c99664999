import http from "node:http";
import { type BucketRules, MultipartStore, sendRefusal } from "./multipart-store.ts";
import { type Permissions, requirePermissions } from "./permissions.ts";
import { listen } from "./ports.ts";

/** A bucket of S3 with the settings of careful people, which no server that runs here has. */
export interface S3Double {
  readonly origin: string;
  readonly bucket: string;
  readonly rules: BucketRules;
  /** Headers of the newest request that created an object or began an upload. */
  making(): http.IncomingHttpHeaders;
  unfinished(): string[];
  /** The caller's policy. */
  readonly permissions: Permissions;
  close(): Promise<void>;
}

/**
 * Answers as the service's documentation says: parts with the MD5 as ETag, policies that deny, object lock that
 * requires checksums, temporary credentials that need their token. Other tests verify signatures.
 *
 * @param sessionToken without it, a request is refused
 */
export async function startS3Double(sessionToken?: string): Promise<S3Double> {
  const bucket = "media";
  const store = await MultipartStore.create({
    ...{ bucket, minPartBytes: 5 << 20, metadataPrefix: "x-amz-meta-", compositeEtags: true },
    copies: "parts",
    crc32: true,
  });
  let making: http.IncomingHttpHeaders = {};
  const permissions: Permissions = { allowed: null, asked: new Set() };
  const server = http.createServer((req, res) => {
    const url = new URL(req.url ?? "", "http://double");
    res.setHeader("server", "AmazonS3");
    const [, name = "", ...segments] = url.pathname.split("/");
    const key = decodeURIComponent(segments.join("/"));
    if (!url.searchParams.has("uploadId") && (req.method === "PUT" || req.method === "POST"))
      making = req.headers;
    const isKnown = sessionToken === undefined || req.headers["x-amz-security-token"] === sessionToken;
    if (!isKnown) {
      req.resume();
      res.writeHead(403).end("<Error><Code>InvalidAccessKeyId</Code></Error>");
      return;
    }
    const request = { bucket: name, key, query: url.searchParams };
    const serve = async () => {
      requirePermissions(permissions, "s3", req, request, store.has(key));
      await store.handle(req, res, request);
    };
    serve().catch((error: unknown) => sendRefusal(req, res, error));
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return {
    ...{ origin, bucket, rules: store.rules, permissions },
    making: () => making,
    unfinished: () => store.unfinished,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store.close();
    },
  };
}
