import http from "node:http";
import { type BucketRules, MultipartStore, sendRefusal } from "./multipart-store.ts";
import { listen } from "./ports.ts";

/** A bucket of S3 with the settings of careful people, which no server that runs here has. */
export interface S3Double {
  readonly origin: string;
  readonly bucket: string;
  readonly rules: BucketRules;
  /** Headers of the newest request that created an object or began an upload. */
  making(): http.IncomingHttpHeaders;
  unfinished(): string[];
  /** A policy of the caller: the actions of IAM that are allowed; everything, unless it is set. */
  allowed: ReadonlySet<string> | null;
  /** Requests with an MD5 so far. */
  readonly checked: () => number;
  /** The requested actions. */
  readonly asked: ReadonlySet<string>;
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
  });
  let making: http.IncomingHttpHeaders = {};
  let checked = 0;
  const asked = new Set<string>();
  const double = { allowed: null as ReadonlySet<string> | null };
  const server = http.createServer((req, res) => {
    const url = new URL(req.url ?? "", "http://double");
    res.setHeader("server", "AmazonS3");
    if (req.headers["content-md5"] !== undefined) checked++;
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
    const action = actionOf(req.method ?? "", key, url.searchParams);
    asked.add(action);
    if (double.allowed && !double.allowed.has(action)) {
      req.resume();
      res.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>");
      return;
    }
    store
      .handle(req, res, { bucket: name, key, query: url.searchParams })
      .catch((error: unknown) => sendRefusal(req, res, error));
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return Object.assign(double, {
    ...{ origin, bucket, rules: store.rules, asked, checked: () => checked },
    making: () => making,
    unfinished: () => store.unfinished,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store.close();
    },
  });
}

/** The action that a policy of IAM must allow for a request, as the service's documentation assigns them. */
function actionOf(method: string, key: string, query: URLSearchParams): string {
  if (key === "") return query.has("uploads") ? "s3:ListBucketMultipartUploads" : "s3:ListBucket";
  if (query.has("uploadId") && method === "GET") return "s3:ListMultipartUploadParts";
  if (query.has("uploadId") && method === "DELETE") return "s3:AbortMultipartUpload";
  if (method === "DELETE") return "s3:DeleteObject";
  return method === "GET" || method === "HEAD" ? "s3:GetObject" : "s3:PutObject";
}
