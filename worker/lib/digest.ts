const encode = (text: string) => new TextEncoder().encode(text);

/** HMAC-SHA256 as base64url without padding. */
export async function hmacSign(secret: string, message: string): Promise<string> {
  const signature = await crypto.subtle.sign("HMAC", await hmacKey(secret, "sign"), encode(message));
  return btoa(String.fromCharCode(...new Uint8Array(signature)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Compares a signature of {@link hmacSign} in constant time. */
export async function hmacVerify(secret: string, message: string, signature: string): Promise<boolean> {
  if (!/^[\w-]{43}$/.test(signature)) return false;
  const bytes = Uint8Array.from(atob(signature.replaceAll("-", "+").replaceAll("_", "/")), (character) =>
    character.charCodeAt(0),
  );
  return crypto.subtle.verify("HMAC", await hmacKey(secret, "verify"), bytes, encode(message));
}

/** Compares two secrets without revealing by timing where they differ. */
export async function sameSecret(given: string, expected: string): Promise<boolean> {
  const key = crypto.randomUUID();
  return hmacVerify(key, given, await hmacSign(key, expected));
}

function hmacKey(secret: string, usage: "sign" | "verify"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", encode(secret), { name: "HMAC", hash: "SHA-256" }, false, [usage]);
}
