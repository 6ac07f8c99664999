import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { CookieFormatError } from "../schema/cookies/cookie.ts";
import { cookieFields, isCookieLine, parseNetscape } from "../schema/cookies/netscape.ts";

/** The operator's own cookies of the environment; those of the vault come with each run. */

export const COOKIE_FORMAT =
  "in Netscape format: lines of seven fields with tabs between them, as browsers' extensions export cookies.txt";

/** No browser's session at a site is nearly as large, in bytes after decompression. */
const MAX_COOKIE_BYTES = 1 << 20;

export interface CookieSource {
  readonly ytdlpCookies: string | undefined;
  readonly ytdlpCookiesFile: string | undefined;
}

/**
 * Cookies from a variable's text: as they are, as Base64, or as Base64 of gzip.
 *
 * @returns null when it contains none
 */
export function cookiesOfText(text: string): string | null {
  if (!/^[A-Za-z0-9+/\s]+=*$/.test(text)) return netscapeCookies(text);
  const bytes = Buffer.from(text, "base64");
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  try {
    const plain = isGzip ? gunzipSync(bytes, { maxOutputLength: MAX_COOKIE_BYTES }) : bytes;
    return netscapeCookies(plain.toString("utf8"));
  } catch {
    return null;
  }
}

/**
 * The operator's cookies, or null if there are none.
 *
 * @throws Error with a sentence for the operator when the file cannot be read or contains something else
 */
export async function readOperatorCookies({
  ytdlpCookies,
  ytdlpCookiesFile: file,
}: CookieSource): Promise<string | null> {
  if (file === undefined) return ytdlpCookies ?? null;
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      `YTDLP_COOKIES_FILE ${file} cannot be read (${error.code}): correct the path, or let this user read the file`,
    );
  });
  if (isEmpty(text)) return text;
  const cookies = netscapeCookies(text);
  if (cookies === null) throw new Error(`YTDLP_COOKIES_FILE ${file} holds no cookies ${COOKIE_FORMAT}`);
  return cookies;
}

const isEmpty = (text: string): boolean => !text.split("\n").some(isCookieLine);

/** The text with whole lines; null when a line is not a cookie, or there are no cookies. */
function netscapeCookies(text: string): string | null {
  try {
    if (parseNetscape(text).length === 0) return null;
  } catch (error) {
    if (error instanceof CookieFormatError) return null;
    throw error;
  }
  const lines = text
    .split(/\r?\n/)
    .map((line) => (isCookieLine(line) ? (cookieFields(line)?.join("\t") ?? line) : line));
  return `${lines.join("\n")}\n`;
}
