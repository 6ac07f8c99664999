import { createHash, generateKeyPairSync, randomUUID, verify } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { MultipartStore, RefusedError, sendRefusal } from "./multipart-store.ts";
import { percentEncoded } from "./percent-encoded.ts";
import { listen } from "./ports.ts";

/** A stand-in for Google Cloud Storage: token exchange, XML interface, signed links. */
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
  unfinished(): string[];
  /** Moves the double's clock. */
  shiftClock(ms: number): void;
  close(): Promise<void>;
}

const TOKEN_PATH = "/token";
const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** What Google's own library signs for, whatever the key file says. */
const AUDIENCE = "https://oauth2.googleapis.com/token";
const SCOPES = /devstorage\.(read_write|full_control)|cloud-platform/;

/** There is no emulator of Google's that checks signatures: this double verifies each of them byte by byte. */
export async function startGcsDouble(): Promise<GcsDouble> {
  const bucket = "media";
  const clientEmail = "robot@waterspout-test.iam.gserviceaccount.com";
  const { publicKey, privateKey } = newKeyPair();
  const tokens = new Map<string, number>();
  let shift = 0;
  const now = () => Date.now() + shift;
  const store = await MultipartStore.create({
    bucket,
    minPartBytes: 5 << 20,
    metadataPrefix: "x-goog-meta-",
  });

  async function issueToken(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const form = new URLSearchParams(Buffer.concat(await req.toArray()).toString());
    const problem =
      form.get("grant_type") === GRANT ? jwtProblem(form.get("assertion") ?? "") : "Bad grant_type.";
    if (problem !== null) {
      res.writeHead(400, { "content-type": "application/json" });
      res.end(JSON.stringify({ error: "invalid_grant", error_description: problem }));
      return;
    }
    const token = `ya29.${randomUUID()}`;
    tokens.set(token, now() + 3_600_000);
    res.writeHead(200, { "content-type": "application/json" });
    res.end(JSON.stringify({ access_token: token, expires_in: 3600, token_type: "Bearer" }));
  }

  function jwtProblem(jwt: string): string | null {
    const [head = "", payload = "", signature = ""] = jwt.split(".");
    const signed = Buffer.from(`${head}.${payload}`);
    if (!verify("RSA-SHA256", signed, publicKey, Buffer.from(signature, "base64url"))) {
      return "Invalid JWT Signature.";
    }
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    if (JSON.parse(Buffer.from(head, "base64url").toString()).alg !== "RS256") return "Invalid algorithm.";
    if (claims.iss !== clientEmail) return "Invalid grant: account not found";
    if (claims.aud !== AUDIENCE) return "Invalid JWT: Failed audience check.";
    if (!SCOPES.test(String(claims.scope))) return "Invalid scope.";
    const seconds = now() / 1000;
    if (claims.exp < seconds || claims.iat > seconds + 60 || claims.exp - claims.iat > 3600) {
      return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
    }
    return null;
  }

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
    const expires = tokens.get((req.headers.authorization ?? "").replace(/^Bearer /, ""));
    if (expires === undefined || expires < now()) {
      throw new RefusedError(401, "AuthenticationRequired", "Authentication required.");
    }
  }

  const server = http.createServer((req, res) => {
    const url = new URL(req.url ?? "", "http://double");
    const serve = async () => {
      if (req.method === "POST" && url.pathname === TOKEN_PATH) return await issueToken(req, res);
      if (url.searchParams.has("X-Goog-Signature") && req.method === "GET") checkLink(req, url);
      else checkToken(req);
      const [, name = "", ...segments] = url.pathname.split("/");
      const key = decodeURIComponent(segments.join("/"));
      if (percentEncoded(key) !== segments.join("/")) {
        throw new RefusedError(400, "InvalidURI", "The key is not encoded as RFC 3986 demands.");
      }
      await store.handle(req, res, { bucket: name, key, query: url.searchParams });
    };
    serve().catch((error: unknown) => sendRefusal(req, res, error));
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return {
    ...{ origin, bucket },
    account: { clientEmail, privateKey, tokenUri: origin + TOKEN_PATH, projectId: "waterspout-test" },
    otherPrivateKey: newKeyPair().privateKey,
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

function newKeyPair(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}

/** `20261124T031500Z` as epoch milliseconds. */
export const basicDate = (text: string): number =>
  Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
