/**
 * The part of a URL that may be stored and shown in clear: in tables, logs, webhook events and error reports. Passwords
 * and tokens become `***`; what identifies the media stays, so that people recognise it.
 */

const HIDDEN = "***";

/** Words that mark a parameter as secret, anywhere in its name. */
const SECRET_NAME =
  /pass|pwd|secret|token|auth|key|sig|sess|sid|cred|jwt|code|hash|hmac|hdn|policy|access|ticket|nonce|otp|user|login|email/i;
/** Parameters in which large sites pass the id of a video or a list, and the form of such ids. */
const MEDIA_NAME = /^(v|list)$/;
const MEDIA_ID = /^[\w-]{1,64}$/;
/** Longer values may be secrets, in characters. */
const LONGEST_PLAIN = 12;
/** A JSON web token, as some links carry it in their path. */
const WEB_TOKEN = /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/;

/**
 * The URL without its passwords and tokens; the same text if it contains none.
 *
 * Userinfo is hidden, and in the query everything that does not look harmless: values of more than 12 characters (except
 * the ids of `v` and `list`) and values whose names suggest a secret. In a path, secrets cannot be recognised by their
 * names, so only parameters and web tokens are hidden there.
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

/** True if the URL has nothing to hide. */
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
/** A query without its URL: tools name a source by the last part of its address. */
const QUERIES = /[?&#;][^\s"'<>\\`]*/g;

/**
 * A text in which every URL, and every query without its URL, is shown as by {@link shownUrl}: for messages of tools
 * and exceptions.
 *
 * @example shownText("GET https://a.example/?sig=1 failed") // "GET https://a.example/?sig=*** failed"
 * @example shownText("a.mp4?sig=1: not found") // "a.mp4?sig=***: not found"
 */
export function shownText(text: string): string {
  return text
    .replaceAll(URLS, (found) => withoutPunctuation(found, shownUrl))
    .replaceAll(QUERIES, (found) => withoutPunctuation(found, shownQuery));
}

/** Punctuation after an address does not belong to it. */
function withoutPunctuation(found: string, show: (text: string) => string): string {
  let end = found.length;
  while (end > 0 && ").,;:!?]".includes(found.charAt(end - 1))) end -= 1;
  return show(found.slice(0, end)) + found.slice(end);
}

/** Words without `=` are not taken for parameters, because `?` and `&` occur in ordinary text. */
const shownQuery = (text: string): string =>
  text
    .split(/([?&#;])/)
    .map((part) => (part.includes("=") ? shownParameter(part) : part))
    .join("");
