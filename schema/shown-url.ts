/**
 * What of a URL may stand in clear: in tables, logs, webhook events and error reports. Passwords and tokens become
 * `***`; what names the media stays, so that people recognise it.
 */

const HIDDEN = "***";

/** Names that announce a secret, wherever they stand in a parameter's name. */
const SECRET_NAME =
  /pass|pwd|secret|token|auth|key|sig|sess|sid|cred|jwt|code|hash|hmac|hdn|policy|access|ticket|nonce|otp|user|login|email/i;
/** Parameters in which large sites name a video or a list, and how such names look. */
const MEDIA_NAME = /^(v|list)$/;
const MEDIA_ID = /^[\w-]{1,64}$/;
/** Longer values may be keys to something, in characters. */
const LONGEST_PLAIN = 12;
/** A JSON web token, as some links carry it in their path. */
const WEB_TOKEN = /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/;

/**
 * The URL without its passwords and tokens; the very same text where it holds none.
 *
 * Userinfo and everything of the query that does not look harmless is hidden: values of more than 12 characters (but
 * the ids of `v` and `list`) and values whose names announce a secret. Nothing reports a secret from a name in a path:
 * there, parameters and web tokens alone are hidden.
 *
 * @example shownUrl("https://me:pw@example.com/a.mp4?v=1&token=abc") // "https://***@example.com/a.mp4?v=1&token=***"
 */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return HIDDEN;
  const url = new URL(text);
  const before = url.href;
  if (url.username !== "" || url.password !== "") {
    url.password = "";
    url.username = HIDDEN;
  }
  url.pathname = url.pathname.split("/").map(shownSegment).join("/");
  if (url.search !== "") url.search = shownParameters(url.search);
  if (url.hash !== "") url.hash = shownParameters(url.hash);
  return url.href === before ? text : url.href;
}

/** True when nothing of the URL must be hidden. */
export const isShownWhole = (url: string): boolean => shownUrl(url) === url;

function shownSegment(segment: string): string {
  if (WEB_TOKEN.test(segment)) return HIDDEN;
  if (!segment.includes("=")) return segment;
  return segment
    .split(/([;,&])/)
    .map((part) => (part.includes("=") ? shownParameter(part) : part))
    .join("");
}

/** @param text with the mark in front */
const shownParameters = (text: string): string => text.slice(1).split("&").map(shownParameter).join("&");

function shownParameter(part: string): string {
  const at = part.indexOf("=");
  if (at < 0) return part.length > LONGEST_PLAIN ? HIDDEN : part;
  const [name, value] = [part.slice(0, at), part.slice(at + 1)];
  if (value === "" || value === HIDDEN) return name.length > 2 * LONGEST_PLAIN ? HIDDEN : part;
  if (name.length > 2 * LONGEST_PLAIN) return HIDDEN;
  return isPlain(decoded(name), value) ? part : `${name}=${HIDDEN}`;
}

function isPlain(name: string, value: string): boolean {
  if (MEDIA_NAME.test(name)) return MEDIA_ID.test(value);
  return value.length <= LONGEST_PLAIN && !SECRET_NAME.test(name);
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const URLS = /\b[a-z][a-z\d+.-]{0,20}:\/\/[^\s"'<>\\`]+/gi;
/** A query without its URL in front: tools name a source by the last part of its address. */
const QUERIES = /[?&#;][^\s"'<>\\`]*/g;

/**
 * A text in which every URL is shown as {@link shownUrl} shows it, and every query that stands alone likewise: for the
 * words of tools and exceptions.
 *
 * @example shownText("GET https://a.example/?sig=1 failed") // "GET https://a.example/?sig=*** failed"
 * @example shownText("a.mp4?sig=1: not found") // "a.mp4?sig=***: not found"
 */
export function shownText(text: string): string {
  return text
    .replaceAll(URLS, (found) => withoutPunctuation(found, shownUrl))
    .replaceAll(QUERIES, (found) => withoutPunctuation(found, shownQuery));
}

/** A sentence's marks behind an address do not belong to it. */
function withoutPunctuation(found: string, show: (text: string) => string): string {
  let end = found.length;
  while (end > 0 && ").,;:!?]".includes(found.charAt(end - 1))) end -= 1;
  return show(found.slice(0, end)) + found.slice(end);
}

/** Words without `=` are no parameters here: a text has other reasons for its marks. */
const shownQuery = (text: string): string =>
  text
    .split(/([?&#;])/)
    .map((part) => (part.includes("=") ? shownParameter(part) : part))
    .join("");
