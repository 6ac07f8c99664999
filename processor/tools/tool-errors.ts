import type { JobErrorCode } from "../../schema/errors.ts";
import { BLOCKED_REASON } from "../egress/proxy.ts";
import type { Suspicion } from "../fault.ts";

/** What the extractor says about a failure. */
export interface ExtractionFailure {
  /** Class of yt-dlp's exception, or `NoFormats`, `NothingDownloaded`, `InvalidFeed`. */
  readonly type: string;
  readonly message: string;
  /** yt-dlp knows this failure; it is not a defect of its own. */
  readonly expected?: boolean | undefined;
  /** Class of the exception behind it. */
  readonly cause?: string | null | undefined;
  readonly httpStatus?: number | null | undefined;
  readonly httpReason?: string | null | undefined;
  /** The source's `Retry-After` header. */
  readonly retryAfter?: string | null | undefined;
  /** Countries in which the media is available. */
  readonly countries?: readonly string[] | null | undefined;
  readonly errno?: number | null | undefined;
}

/** A failure matches a rule when it matches each member of the rule. */
interface Rule {
  readonly code: JobErrorCode;
  /** Classes of the exception. */
  readonly type?: readonly string[];
  /** Classes of the exception behind it. */
  readonly cause?: readonly string[];
  /** HTTP status, from and to. */
  readonly status?: readonly [number, number];
  readonly text?: RegExp;
}

const NETWORK_CLASSES = [
  "TransportError",
  "IncompleteRead",
  "SSLError",
  "CertificateVerifyError",
  "ProxyError",
  "TimeoutError",
  "ConnectionResetError",
  "ConnectionRefusedError",
];

/**
 * What Python throws for data that is not what it claims to be: the source's fault, and not a defect of the program.
 */
const DATA_CLASSES = [
  "ExpatError",
  "InvalidURL",
  "JSONDecodeError",
  "OverflowError",
  "ParseError",
  "RecursionError",
  "UnicodeDecodeError",
  "UnicodeEncodeError",
  "UnicodeError",
  "ZeroDivisionError",
];

/** What no class or status can distinguish: the processor's own refusals, full disks, and checks against robots. */
const DECISIVE: readonly Rule[] = [
  // regexp-ok: a constant of this project
  { code: "egress_blocked", text: new RegExp(BLOCKED_REASON, "i") },
  { code: "egress_blocked", text: /file:\/\/ urls are disabled/i },
  { code: "disk_full", text: /no space left on device|disk quota exceeded/i },
  { code: "bot_check", text: /not a (ro)?bot|anti-bot|captcha|unusual traffic|client challenge/i },
];

const BY_CLASS: readonly Rule[] = [
  { code: "unsupported_url", type: ["UnsupportedError", "RegexNotFoundError", ...DATA_CLASSES] },
  { code: "invalid_feed", type: ["InvalidFeed"] },
  { code: "geo_blocked", type: ["GeoRestrictedError"] },
  { code: "not_live", type: ["UserNotLive"] },
  { code: "truncated", type: ["ContentTooShortError"] },
  { code: "limit_exceeded", type: ["PageTooLarge", "AnswerTooLarge", "MemoryError"] },
  { code: "network", type: NETWORK_CLASSES },
  { code: "network", cause: NETWORK_CLASSES },
];

const BY_STATUS: readonly Rule[] = [
  { code: "login_required", status: [401, 401] },
  { code: "members_only", status: [402, 402] },
  { code: "forbidden", status: [403, 403] },
  { code: "unavailable", status: [404, 404] },
  { code: "network", status: [407, 408] },
  { code: "unavailable", status: [410, 410] },
  { code: "rate_limited", status: [429, 429] },
  { code: "geo_blocked", status: [451, 451] },
  { code: "unavailable", status: [400, 499] },
  { code: "network", status: [500, 599] },
];

/** What yt-dlp adds for its own users; it names passwords and accounts, whatever the site's message is about. */
const LOGIN_HINTS = [" Use --cookies", " Use --username"];
const HINTED = " [login hint]";

/** The specific before the general: "sign in to confirm your age" is about the age, not about the sign-in. */
const BY_TEXT: readonly Rule[] = [
  { code: "rate_limited", text: /rate.?limit|too many requests|play limit/i },
  {
    code: "unsupported_url",
    text: /unsupported url|is not a valid url|invalid (ipv6 )?url|url can't contain|no suitable extractor|requires websocket/i,
  },
  {
    code: "terminated",
    text: /(account|channel|user)\b.{0,200}\b(terminated|suspended|banned|deactivated|closed)|suspended account/i,
  },
  {
    code: "geo_blocked",
    text: /geo.?(restrict|block)|(your|this|certain) (country|countries|region|location|area)\b|(available|allowed) in [A-Z]\w{1,40} only|only (available|allowed) in [A-Z]|outside (of )?the|ip address is blocked/i,
  },
  { code: "copyright", text: /copyright|dmca|infring|rights ?holder/i },
  { code: "drm", text: /\bdrm\b|widevine|playready|fairplay/i },
  {
    code: "age_restricted",
    text: /confirm your age|\bage\b.?(restrict|verif|gate|limit|check)|adult verif|\b18\+|inappropriate|nsfw|mature (content|audience)/i,
  },
  {
    code: "members_only",
    text: /\bmembers?\b.?only|membership|for members|members on|join this channel|subscri(ber|ption|bed)|premium|purchase|\bpaid\b|paywall|\brent(al|ed)?\b|patrons?\b/i,
  },
  { code: "login_required", text: /user ?name|invalid (id|login|user)|credentials/i },
  {
    code: "private",
    text: /private|password|protected (tweet|account)|not (been )?granted|accounts? you follow/i,
  },
  {
    code: "upcoming",
    text: /premieres?\b|will begin|(not|n't) (yet )?(started|begun|aired)|not yet (started|available)|scheduled|upcoming|coming soon/i,
  },
  {
    code: "not_live",
    text: /not (currently )?live|offline|(live|stream|event|broadcast|space)\w{0,20}( recently)?( has| have)? ended|is not (streaming|broadcasting)/i,
  },
  {
    code: "no_format",
    text: /requested format is not available|no (video |matching |playable )?formats? (found|available)/i,
  },
  {
    code: "login_required",
    text: /\[login hint\]|log(ged)?.?in\b|sign in|--cookies|\bcookies\b.{0,200}needed|registered users|authenticat|authoriz|account is (needed|required)/i,
  },
  {
    code: "network",
    text: /timed? ?out|temporar(y|ily) (unavailable|failure)|connection (refused|reset|aborted|broken|error)|unreachable|name resolution|name or service not known|eof occurred|remote end closed|bytes read|ssl:|tunnel connection failed|data blocks/i,
  },
  { code: "network", text: /HTTP Error 5\d\d/ },
  { code: "forbidden", text: /HTTP Error 403/ },
  {
    code: "unsupported_url",
    text: /no (video|media|audio|embed|playlist)\b.{0,200}\b(found|in|on|could)|there'?s no video|not a video|unable to (extract|recognize)|failed to (parse|extract)/i,
  },
  {
    code: "unavailable",
    text: /unavailable|(not|n't|no longer) (available|exist|found|accessible)|no longer|not exist|removed|deleted|expired|taken down|not found|HTTP Error 4\d\d/i,
  },
];

const LAST_RESORT: readonly Rule[] = [
  { code: "network", type: ["NothingDownloaded"] },
  { code: "no_format", type: ["NoFormats"] },
];

const EXTRACTION_RULES: readonly Rule[] = [
  ...DECISIVE,
  ...BY_CLASS,
  ...BY_STATUS,
  ...BY_TEXT,
  ...LAST_RESORT,
];

/**
 * The class of a failed extraction or download of yt-dlp: by exception class, HTTP status, then text. A site's message
 * that no rule matches counts as `unavailable`; a site whose pages changed as `unsupported_url`; only a defect is
 * `internal`.
 *
 * @example classifyExtraction({ type: "ExtractorError", message: "Private video", expected: true }) // "private"
 */
export function classifyExtraction(failure: ExtractionFailure): JobErrorCode {
  const text = withoutHint(`${shortened(failure.message)} ${shortened(failure.httpReason ?? "")}`);
  const rule = EXTRACTION_RULES.find((candidate) => matches(candidate, failure, text));
  if (rule) return rule.code;
  if (failure.expected) return "unavailable";
  return failure.type === "ExtractorError" ? "unsupported_url" : "internal";
}

/** What yt-dlp ends with when it cannot read a page. */
const UNREAD: readonly JobErrorCode[] = ["unsupported_url", "no_format", "unavailable", "internal"];

/**
 * Whether the version of yt-dlp may be the reason; undefined for what the source says of its media, for refusals and for the
 * network.
 *
 * @param code what {@link classifyExtraction} makes of the failure
 * @example suspicionOf({ type: "RegexNotFoundError", message: "Unable to extract title" }, "unsupported_url") // "likely"
 */
export function suspicionOf({ expected }: ExtractionFailure, code: JobErrorCode): Suspicion | undefined {
  if (!UNREAD.includes(code)) return undefined;
  if (!expected) return "likely";
  return code === "unsupported_url" || code === "no_format" ? "possible" : undefined;
}

/** A site may write anything; the relevant part of a longer text is at its beginning or its end. */
const MAX_HALF = 4096;

const shortened = (text: string): string =>
  text.length <= 2 * MAX_HALF ? text : `${text.slice(0, MAX_HALF)} ${text.slice(-MAX_HALF)}`;

function withoutHint(text: string): string {
  const plain = text.replaceAll("\u2019", "'");
  const places = LOGIN_HINTS.map((message) => plain.indexOf(message)).filter((at) => at >= 0);
  if (places.length === 0) return plain;
  const at = Math.min(...places);
  return `${plain.slice(0, plain[at - 1] === "." ? at - 1 : at)}${HINTED}`;
}

function matches(rule: Rule, failure: ExtractionFailure, text: string): boolean {
  if (rule.type && !rule.type.includes(failure.type)) return false;
  if (rule.cause && !rule.cause.includes(failure.cause ?? "")) return false;
  if (rule.status) {
    const status = failure.httpStatus ?? 0;
    if (status < rule.status[0] || status > rule.status[1]) return false;
  }
  return rule.text?.test(text) ?? true;
}

/** Refusals and the disk, then the connection (a broken one also damages data), the data, and last the conversion. */
const FFMPEG_RULES: readonly { readonly code: JobErrorCode; readonly text: RegExp }[] = [
  { code: "egress_blocked", text: /egress blocked|not on whitelist|URL file:\S{0,4096} is not in allowed/i },
  { code: "disk_full", text: /no space left on device|disk quota exceeded/i },
  // because of a limit set here, or of its own: a damaged index announces more than any file holds
  { code: "limit_exceeded", text: /cannot allocate memory/i },
  { code: "rate_limited", text: /(HTTP error|returned) 429|too many requests/i },
  // ffmpeg's words for every other 4xx; in practice a link that expired.
  { code: "forbidden", text: /(HTTP error|returned) (401|403|410|4XX)/i },
  { code: "unavailable", text: /(HTTP error|returned) 4\d\d/i },
  {
    code: "network",
    text: /5XX|HTTP error 5\d\d|stream ends prematurely|input\/output error|connection (refused|reset|timed out)|operation timed out|network is unreachable|failed to resolve|broken pipe|will reconnect|tls|keepalive request failed|failed to open segment|error when loading (first )?segment/i,
  },
  {
    code: "truncated",
    text: /moov atom not found|invalid data found when processing input|corrupt (input|decoded)|packet corrupt|partial file|truncat|invalid nal unit|missing picture|error while decoding|ebml header|could not find codec parameters|end of file/i,
  },
];

/**
 * The class of a failed ffmpeg run, from its error output; everything that is not about the source is `processing`.
 *
 * @example classifyFfmpeg("x.mp4: No space left on device", { code: 1, signal: null }) // "disk_full"
 */
export function classifyFfmpeg(
  stderr: string,
  exit: { readonly code: number | null; readonly signal: string | null },
): JobErrorCode {
  // It was not stopped on purpose (that is handled before): the system killed it for lack of memory.
  if (exit.signal === "SIGKILL" && stderr === "") return "internal";
  return FFMPEG_RULES.find((rule) => rule.text.test(stderr))?.code ?? "processing";
}
