import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";

/** The operator's own cookies, which yt-dlp reads in the format of Netscape's browser. */

export const COOKIE_FORMAT =
  "in Netscape format: lines of seven fields with tabs between them, as browsers' extensions export cookies.txt";

/** No browser's session at a site is nearly as large, in bytes after decompression. */
const MAX_COOKIE_BYTES = 1 << 20;
const FIELDS = 7;

interface CookieSource {
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

/** Lines with this prefix are cookies all the same. */
const HTTP_ONLY = "#HttpOnly_";

const isCookieLine = (line: string): boolean =>
  line.trim() !== "" && (!line.startsWith("#") || line.startsWith(HTTP_ONLY));

const isEmpty = (text: string): boolean => !text.split("\n").some(isCookieLine);

/**
 * Null when a line is not a cookie, or there are no cookies. An empty value at the end of a line may have been trimmed
 * away.
 */
function netscapeCookies(text: string): string | null {
  const lines = text.split(/\r?\n/).map((line) => {
    const fields = line.split("\t").length;
    return isCookieLine(line) && fields === FIELDS - 1 ? `${line}\t` : line;
  });
  const cookies = lines.filter(isCookieLine);
  if (cookies.length === 0 || cookies.some((line) => line.split("\t").length !== FIELDS)) return null;
  return `${lines.join("\n")}\n`;
}
