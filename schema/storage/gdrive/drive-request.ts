import { withoutTrailing } from "../../text.ts";
import { type Query, queryString } from "../object-path.ts";

/** How requests of Google Drive's API (v3) are written; both sides send the same ones. */

/** What a service account's token must be good for: `drive.file` would not show folders that people shared. */
export const DRIVE_SCOPE = "https://www.googleapis.com/auth/drive";
export const FOLDER_TYPE = "application/vnd.google-apps.folder";
/** All chunks of an upload but the last are multiples of this, in bytes. */
export const CHUNK_UNIT_BYTES = 256 << 10;

const FILES_PATH = "/drive/v3/files";
const UPLOAD_PATH = "/upload/drive/v3/files";

export interface DriveRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly url: string;
  /** Of a JSON body. */
  readonly body?: object;
  /** Statuses that are answers here, not refusals. */
  readonly accept?: readonly number[];
}

/** Sends one request with the account's token, repeated where that makes sense. It throws for other statuses. */
export type SendToDrive = (
  request: DriveRequest,
) => Promise<{ readonly status: number; readonly text: string }>;

/** Without it, nothing in a shared drive is found. */
const ALL_DRIVES = { supportsAllDrives: "true" };

/** The URL of Drive's files, of one of them, or of a part of it. @param path below `files`, ids only */
export const filesUrl = (endpoint: string, path = "", query: Query = {}): string =>
  `${endpoint}${withoutTrailing(`${FILES_PATH}/${path}`, "/")}?${queryString({ ...ALL_DRIVES, ...query })}`;

/** Where a file's content is sent. @param id of the file whose content is replaced; null for a new file */
export const uploadUrl = (endpoint: string, id: string | null, query: Query): string =>
  `${endpoint}${UPLOAD_PATH}${id === null ? "" : `/${id}`}?${queryString({ ...ALL_DRIVES, ...query })}`;

/**
 * The path and query of an upload session, from the `Location` of the answer that began it; null for another place. The
 * host is left out: requests go to the endpoint that was judged, whatever a response names.
 *
 * @example sessionPath("https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=AE…")
 *   // "/upload/drive/v3/files?uploadType=resumable&upload_id=AE…"
 */
export function sessionPath(location: string): string | null {
  if (!URL.canParse(location)) return null;
  const { pathname, search, searchParams } = new URL(location);
  // an endpoint may have a path of its own in front
  const path = pathname.slice(Math.max(0, pathname.indexOf(UPLOAD_PATH)));
  return path.startsWith(UPLOAD_PATH) && searchParams.has("upload_id") ? `${path}${search}` : null;
}

/**
 * The path that names a file which is not complete yet, where an upload would have the path of its session.
 *
 * @example pathOfFile("1aB") // "/drive/v3/files/1aB"
 */
export const pathOfFile = (id: string): string => `${FILES_PATH}/${id}`;

/** The id in such a path; null for the path of a session. */
export const fileOfPath = (path: string): string | null =>
  path.startsWith(`${FILES_PATH}/`) ? path.slice(FILES_PATH.length + 1) : null;

/** A text in a search query of Drive. @example quoted("it's") // "'it\\'s'" */
export const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** The two ends of a body that holds a file's metadata and its content. */
export function multipartEnds(metadata: object, contentType: string, boundary: string) {
  const json = "content-type: application/json; charset=UTF-8";
  return {
    contentType: `multipart/related; boundary=${boundary}`,
    head: `--${boundary}\r\n${json}\r\n\r\n${JSON.stringify(metadata)}\r\n--${boundary}\r\ncontent-type: ${contentType}\r\n\r\n`,
    tail: `\r\n--${boundary}--\r\n`,
  };
}
