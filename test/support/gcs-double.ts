import { createHash, verify } from "node:crypto";
import http, { type IncomingMessage } from "node:http";
import { googleAccount, newKeyPair } from "./google-account.ts";
import { MultipartStore, RefusedError, sendRefusal } from "./multipart-store.ts";
import { percentEncoded } from "./percent-encoded.ts";
import { type Permissions, requirePermissions } from "./permissions.ts";
import { listen } from "./ports.ts";

/** A double of Google Cloud Storage: token exchange, XML interface, signed links. */
export interface GcsDouble {
  readonly origin: string;
  readonly bucket: string;
  /** A service account that may write, and another's private key, which is wrong. */
  readonly account: {
    readonly clientEmail: string;
    readonly privateKey: string;
    readonly tokenUri: string;
    readonly projectId: string;
  };
  readonly otherPrivateKey: string;
  /** Of the service account. */
  readonly permissions: Permissions;
  unfinished(): string[];
  /** Moves the double's clock. */
  shiftClock(ms: number): void;
  close(): Promise<void>;
}

const TOKEN_PATH = "/token";
const SCOPES = /devstorage\.(read_write|full_control)|cloud-platform/;

/** Google has no emulator that checks signatures: this double verifies each of them byte by byte. */
export async function startGcsDouble(): Promise<GcsDouble> {
  const bucket = "media";
  const google = googleAccount(SCOPES);
  const { clientEmail, privateKey, publicKey, now } = google;
  const permissions: Permissions = { allowed: null, asked: new Set() };
  const store = await MultipartStore.create({
    bucket,
    minPartBytes: 5 << 20,
    metadataPrefix: "x-goog-meta-",
    copies: "whole",
  });

  function checkLink(req: IncomingMessage, url: URL): void {
    const [path = "", search = ""] = (req.url ?? "").split("?");
    const query = search.split("&").filter((pair) => !pair.startsWith("X-Goog-Signature="));
    const date = url.searchParams.get("X-Goog-Date") ?? "";
    const [account, ...scope] = (url.searchParams.get("X-Goog-Credential") ?? "").split("/");
    // Google's library signs the host without its port
    const host = (req.headers.host ?? "").replace(/:\d+$/, "");
    const canonical = [
      req.method,
      path,
      query.sort().join("&"),
      `host:${host}`,
      "",
      "host",
      "UNSIGNED-PAYLOAD",
    ];
    const digest = createHash("sha256").update(canonical.join("\n")).digest("hex");
    const toSign = ["GOOG4-RSA-SHA256", date, scope.join("/"), digest].join("\n");
    const signature = Buffer.from(url.searchParams.get("X-Goog-Signature") ?? "", "hex");
    const right =
      account === clientEmail &&
      scope.join("/") === `${date.slice(0, 8)}/auto/storage/goog4_request` &&
      verify("RSA-SHA256", Buffer.from(toSign), publicKey, signature);
    if (!right) throw new RefusedError(403, "SignatureDoesNotMatch", "The signature does not match.");
    const seconds = Number(url.searchParams.get("X-Goog-Expires"));
    if (seconds > 604_800)
      throw new RefusedError(400, "AuthorizationQueryParametersError", "Expires too late.");
    if (now() > basicDate(date) + seconds * 1000) {
      throw new RefusedError(400, "ExpiredToken", "The provided token has expired.");
    }
  }

  function checkToken(req: IncomingMessage): void {
    if (!google.isAuthorized(req)) {
      throw new RefusedError(401, "AuthenticationRequired", "Authentication required.");
    }
  }

  const server = http.createServer((req, res) => {
    const url = new URL(req.url ?? "", "http://double");
    const serve = async () => {
      if (req.method === "POST" && url.pathname === TOKEN_PATH) return await google.issue(req, res);
      if (url.searchParams.has("X-Goog-Signature") && req.method === "GET") checkLink(req, url);
      else checkToken(req);
      const [, name = "", ...segments] = url.pathname.split("/");
      const key = decodeURIComponent(segments.join("/"));
      if (percentEncoded(key) !== segments.join("/")) {
        throw new RefusedError(400, "InvalidURI", "The key is not encoded as RFC 3986 demands.");
      }
      const request = { bucket: name, key, query: url.searchParams };
      requirePermissions(permissions, "gcs", req, request, store.has(key));
      await store.handle(req, res, request);
    };
    serve().catch((error: unknown) => sendRefusal(req, res, error));
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return {
    ...{ origin, bucket, permissions },
    account: { clientEmail, privateKey, tokenUri: origin + TOKEN_PATH, projectId: "waterspout-test" },
    otherPrivateKey: newKeyPair().privateKey,
    unfinished: () => store.unfinished,
    shiftClock: google.shiftClock,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store.close();
    },
  };
}

/** `20261124T031500Z` as epoch milliseconds. */
export const basicDate = (text: string): number =>
  Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
