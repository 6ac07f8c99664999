import { createHash, createHmac, randomBytes } from "node:crypto";
import http, { type IncomingMessage } from "node:http";
import { basicDate } from "./gcs-double.ts";
import { type BucketRules, MultipartStore, RefusedError, sendRefusal } from "./multipart-store.ts";
import { percentEncoded } from "./percent-encoded.ts";
import { type Permissions, requirePermissions } from "./permissions.ts";
import { listen } from "./ports.ts";

/** A double of Alibaba's Object Storage Service, in one region. */
export interface OssDouble {
  /** As tests reach it. */
  readonly origin: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** The configuration of the bucket. */
  readonly rules: BucketRules;
  /** Of the RAM user. */
  readonly permissions: Permissions;
  unfinished(): string[];
  /** Advances the double's clock. */
  shiftClock(ms: number): void;
  close(): Promise<void>;
}

const ALGORITHM = "OSS4-HMAC-SHA256";
const MAX_SKEW_MS = 15 * 60_000;

/** There is no OSS server to test against: this double verifies each signature (Version 4) byte by byte. */
export async function startOssDouble(): Promise<OssDouble> {
  const bucket = "media";
  const region = "cn-hangzhou";
  const accessKeyId = `LTAI${randomBytes(8).toString("hex")}`;
  const accessKeySecret = randomBytes(20).toString("hex");
  let shift = 0;
  const now = () => Date.now() + shift;
  const permissions: Permissions = { allowed: null, asked: new Set() };
  const store = await MultipartStore.create({
    bucket,
    minPartBytes: 100 << 10,
    metadataPrefix: "x-oss-meta-",
    copies: "parts",
  });

  const signature = (toSign: string, date: string): string => {
    const scope = [date.slice(0, 8), region, "oss", "aliyun_v4_request"];
    const key = scope.reduce<string | Buffer>(
      (secret, text) => createHmac("sha256", secret).update(text).digest(),
      `aliyun_v4${accessKeySecret}`,
    );
    return createHmac("sha256", key).update(toSign).digest("hex");
  };

  function check(
    req: IncomingMessage,
    request: { bucket: string; key: string; query: URLSearchParams },
  ): void {
    const inQuery = request.query.has("x-oss-signature");
    const header =
      /^OSS4-HMAC-SHA256 Credential=([^,]+),(?:AdditionalHeaders=[^,]*,)?Signature=([0-9a-f]{64})$/.exec(
        req.headers.authorization ?? "",
      );
    if (!inQuery && header === null)
      throw new RefusedError(403, "AccessDenied", "Anonymous access is forbidden.");
    const credential = inQuery ? request.query.get("x-oss-credential") : header?.[1];
    const date = (inQuery ? request.query.get("x-oss-date") : String(req.headers["x-oss-date"])) ?? "";
    const [id, ...scope] = (credential ?? "").split("/");
    if (id !== accessKeyId) {
      throw new RefusedError(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist.");
    }
    if (scope.join("/") !== `${date.slice(0, 8)}/${region}/oss/aliyun_v4_request`) {
      throw new RefusedError(400, "InvalidArgument", `Invalid signing region in Authorization header.`);
    }
    const toSign = [ALGORITHM, date, scope.join("/"), sha256(canonical(req, request))].join("\n");
    const given = inQuery ? request.query.get("x-oss-signature") : header?.[2];
    if (given !== signature(toSign, date)) {
      throw new RefusedError(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match.",
      );
    }
    const age = now() - basicDate(date);
    if (inQuery && age > Number(request.query.get("x-oss-expires")) * 1000) {
      throw new RefusedError(403, "AccessDenied", "Request has expired.");
    }
    if (!inQuery && Math.abs(age) > MAX_SKEW_MS) {
      throw new RefusedError(
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
      );
    }
  }

  const server = http.createServer((req, res) => {
    const url = new URL(req.url ?? "", "http://double");
    res.setHeader("server", "AliyunOSS");
    const serve = async () => {
      const named = /^([a-z0-9-]+)\.oss-/.exec(req.headers.host ?? "")?.[1];
      if (named === undefined) throw new RefusedError(400, "InvalidBucketName", "The host names no bucket.");
      const key = decodeURIComponent(url.pathname.slice(1));
      const request = { bucket: named, key, query: url.searchParams };
      check(req, request);
      requirePermissions(permissions, "oss", req, request, store.has(key));
      await store.handle(req, res, request);
    };
    serve().catch((error: unknown) => sendRefusal(req, res, error));
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return {
    ...{ origin, region, bucket, accessKeyId, accessKeySecret },
    ...{ rules: store.rules, permissions },
    unfinished: () => store.unfinished,
    shiftClock: (ms) => {
      shift += ms;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store.close();
    },
  };
}

/** The canonical request of signature Version 4, rebuilt from what arrived. */
function canonical(
  req: IncomingMessage,
  { bucket, key, query }: { bucket: string; key: string; query: URLSearchParams },
): string {
  const encode = (text: string) => percentEncoded(text).replaceAll("/", "%2F");
  const pairs = [...query]
    .filter(([name]) => name !== "x-oss-signature")
    .map(([name, value]) => [encode(name), value === "" ? "" : `=${encode(value)}`])
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1))
    .map((pair) => pair.join(""));
  const headers = Object.entries(req.headers)
    .filter(([name]) => name === "content-type" || name === "content-md5" || name.startsWith("x-oss-"))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${String(value).trim()}\n`);
  const path = percentEncoded(`/${bucket}/${key}`);
  return [req.method, path, pairs.join("&"), headers.join(""), "", "UNSIGNED-PAYLOAD"].join("\n");
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
