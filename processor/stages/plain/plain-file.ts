import type { SourceSession } from "../../cookies/source-session.ts";
import { compressionsOf } from "../../egress/content-encoding.ts";
import type { EgressProxy } from "../../egress/proxy.ts";
import type { RangeSource } from "../../egress/range-source.ts";
import { lowerCased } from "../../egress/source-headers.ts";
import { Fault } from "../../fault.ts";
import type { Extraction, ExtractorPool } from "../../tools/extractor.ts";
import { SNIFF_BYTES, sniffContainer } from "../../tools/input-format.ts";
import type { YtdlpParams } from "../../tools/ytdlp-params.ts";

/**
 * Plain media files are found without an extraction: their first response is the beginning of the delivery, and yt-dlp only
 * says what it would make of it.
 */

/** A file that an address leads to, and what yt-dlp says about it. */
export interface PlainFile {
  readonly found: Extract<Extraction, { kind: "video" }>;
  /** Open; the caller closes it. */
  readonly file: RangeSource;
}

/** Opens a file with one request, or throws. */
export type OpenFile = (address: {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}) => Promise<RangeSource>;

interface Opener {
  readonly extractor: ExtractorPool;
  readonly proxy: EgressProxy;
  readonly session: SourceSession;
  readonly signal: AbortSignal;
  readonly openFile: OpenFile | null;
}

/** Key of the extractor for everything that no other one is responsible for. */
const GENERIC = "Generic";
/** As many bytes as yt-dlp inspects. */
const INSPECTED_BYTES = 512;

/**
 * The plain media file behind an address; null for everything else, and for a file of which that is not certain. Then nothing
 * is left open, and the usual extraction reports what there is.
 *
 * @throws the signal's reason
 */
export async function openPlainFile(
  { extractor, proxy, session, signal, openFile }: Opener,
  url: string,
  options: YtdlpParams,
): Promise<PlainFile | null> {
  if (openFile === null || !session.isAnonymous || !namesMedia(url)) return null;
  const asked = { options, proxy, session, signal };
  try {
    const about = await extractor.addressOf(url, asked);
    if (about?.extractor !== GENERIC) return null;
    const file = await openFile({ url, headers: lowerCased(about.headers) });
    const found = await describe(file).catch((error: unknown) => {
      file.close();
      throw error;
    });
    if (found) return { found, file };
    file.close();
    return null;
  } catch (error) {
    signal.throwIfAborted();
    // the extraction meets it, too, and knows what it means
    if (error instanceof Fault) return null;
    throw error;
  }

  async function describe(file: RangeSource): Promise<PlainFile["found"] | null> {
    const redirected = file.finalUrl === new URL(url).href ? null : file.finalUrl;
    if (redirected !== null && !isWrittenPlainly(redirected)) return null;
    const head = await mediaHead(file);
    if (head === null) return null;
    const response = { url, redirected, head, headers: wholeHeaders(file) };
    const described = await extractor.describeResponse(response, asked);
    if (described?.kind !== "video") return null;
    const { info, requested } = described;
    const isFile = info.direct === true && info.formats?.length === 1 && requested.length === 1;
    return isFile && requested[0]?.url !== undefined ? described : null;
  }
}

/** Extensions of media files. Pages rarely have them, and are not asked for twice then. */
const MEDIA_PATH =
  /\.(?:3g2|3gp|aac|aiff?|avi|flac|flv|m2ts|m4a|m4b|m4v|mk3d|mka|mkv|mov|mp2|mp3|mp4|mpe?g|mts|oga|ogg|ogv|opus|spx|ts|wav|weba|webm|wma|wmv)$/i;

/** Whether an address looks like that of a file, and is one that every client writes in the same way. */
export function namesMedia(url: string): boolean {
  if (!isWrittenPlainly(url) || !URL.canParse(url)) return false;
  return MEDIA_PATH.test(new URL(url).pathname);
}

/** Host, and a path and query of characters that no client escapes, or that each escapes in the same way. */
const PLAIN_ADDRESS =
  /^https?:\/\/[a-z0-9.-]+(?::\d+)?\/(?:[\w\-.~:/?&=+,;@!$'()*]|%[0-9A-F]{2}|[^\0-\u00a0\s])*$/u;
/** Escapes of characters that need none, which some clients undo. */
const NEEDLESS_ESCAPE = /%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)/;
const DOT_SEGMENT = /\/\.{1,2}(?:[/?]|$)/;

const isWrittenPlainly = (url: string): boolean =>
  PLAIN_ADDRESS.test(url) && !NEEDLESS_ESCAPE.test(url) && !DOT_SEGMENT.test(url);

const MEDIA_TYPE = /^(?:audio|video)\/|^application\/ogg$/i;

/** What yt-dlp needs to see of a media file's bytes; null if the response is not without doubt one. */
async function mediaHead(file: RangeSource): Promise<Buffer | null> {
  const { contentType = "", frontBytes, headers, sizeBytes } = file;
  const names = Object.keys(headers);
  if (!sizeBytes || compressionsOf(headers["content-encoding"]).length > 0) return null;
  if (names.some((name) => name.startsWith("icy-"))) return null;
  if (MEDIA_TYPE.test(contentType)) return Buffer.alloc(0);
  if (frontBytes === 0) return null;
  const head = await file.readPart(0, Math.min(frontBytes, SNIFF_BYTES));
  return sniffContainer(head) === null ? null : head.subarray(0, INSPECTED_BYTES);
}

const OF_THE_TRANSFER: ReadonlySet<string> = new Set([
  ...["content-length", "content-range", "transfer-encoding", "connection", "keep-alive", "set-cookie"],
]);

/** The headers of the file as those of a response without a range. */
function wholeHeaders({ headers, sizeBytes }: RangeSource): Record<string, string> {
  const own = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || OF_THE_TRANSFER.has(name) ? [] : [[name, String(value)] as const],
  );
  return { ...Object.fromEntries(own), "content-length": String(sizeBytes) };
}
