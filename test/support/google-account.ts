import { generateKeyPairSync, randomUUID, verify } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** A service account at Google, and the token service that knows only this account. */
export interface GoogleAccount {
  readonly clientEmail: string;
  readonly privateKey: string;
  readonly publicKey: string;
  /** The token service's clock, in epoch milliseconds. */
  readonly now: () => number;
  /** Advances that clock. */
  shiftClock(ms: number): void;
  /** Answers a request for a token. */
  issue(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Whether a request carries a token that is valid now. */
  isAuthorized(req: IncomingMessage): boolean;
  /** Invalidates all tokens that were issued so far. */
  revoke(): void;
}

const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** The audience that Google's own library signs for, whatever the key file says. */
const AUDIENCE = "https://oauth2.googleapis.com/token";

/** @param scopes the scopes that a token must be requested for */
export function googleAccount(scopes: RegExp): GoogleAccount {
  const clientEmail = "robot@waterspout-test.iam.gserviceaccount.com";
  const { publicKey, privateKey } = newKeyPair();
  const tokens = new Map<string, number>();
  let shift = 0;
  const now = () => Date.now() + shift;

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
    if (!scopes.test(String(claims.scope))) return "Invalid scope.";
    const seconds = now() / 1000;
    if (claims.exp < seconds || claims.iat > seconds + 60 || claims.exp - claims.iat > 3600) {
      return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
    }
    return null;
  }

  return {
    ...{ clientEmail, privateKey, publicKey, now },
    shiftClock(ms) {
      shift += ms;
    },
    async issue(req, res) {
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
    },
    isAuthorized: (req) =>
      (tokens.get((req.headers.authorization ?? "").replace(/^Bearer /, "")) ?? 0) > now(),
    revoke: () => tokens.clear(),
  };
}

/** An RSA key pair in PEM. */
export function newKeyPair(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}
