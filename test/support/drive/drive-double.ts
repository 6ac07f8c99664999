import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { googleAccount, newKeyPair } from "../google-account.ts";
import { listen } from "../ports.ts";
import { DEFAULT_FIELDS, DriveFiles, type Metadata, type StoredFile, shown } from "./drive-files.ts";
import { DriveRefusedError, sendRefusal } from "./drive-refusal.ts";
import { DriveSessions } from "./drive-sessions.ts";

/** A double of Google Drive's API v3: tokens, files, shared drives, resumable uploads, permissions. */
export interface DriveDouble {
  readonly origin: string;
  /** A folder in a shared drive that the account manages. */
  readonly folderId: string;
  readonly account: { readonly clientEmail: string; readonly privateKey: string; readonly tokenUri: string };
  readonly otherPrivateKey: string;
  readonly files: DriveFiles;
  readonly sessions: DriveSessions;
  /** Why the account may not share files; null: it may. */
  noSharing: string | null;
  /** Invalidates all tokens that were issued so far. */
  revokeTokens(): void;
  close(): Promise<void>;
}

const TOKEN_PATH = "/token";
const FILES = /^\/drive\/v3\/files(?:\/([\w-]+))?(\/permissions|\/copy)?$/;
const UPLOADS = /^\/upload\/drive\/v3\/files(?:\/([\w-]+))?$/;
/** A `drive.file` token does not see files that people shared. */
const SCOPE = /^https:\/\/www\.googleapis\.com\/auth\/drive$/;

export async function startDriveDouble(): Promise<DriveDouble> {
  const google = googleAccount(SCOPE);
  const { clientEmail, privateKey } = google;
  const files = new DriveFiles();
  const sessions = new DriveSessions(files);
  const folderId = "0AShared-Drive_1";
  files.share(folderId, "manager");
  const double = { noSharing: null as string | null };

  const server = http.createServer((req, res) => {
    const url = new URL(req.url ?? "", "http://double");
    const serve = async () => {
      if (req.method === "POST" && url.pathname === TOKEN_PATH) return await google.issue(req, res);
      if (url.pathname === "/uc") return download(url, res);
      if (!google.isAuthorized(req)) throw new DriveRefusedError(401, "authError", "Invalid Credentials");
      const [upload, file] = [UPLOADS.exec(url.pathname), FILES.exec(url.pathname)];
      if (upload) return await serveUpload(req, res, url, upload[1] ?? null);
      if (file?.[2] === "/copy") {
        if (req.method !== "POST") throw new DriveRefusedError(404, "notFound", "Not Found");
        const copy = files.copy(file[1] ?? "", (await json(req)) as Metadata, url.searchParams);
        return answerFile(res, copy, url.searchParams);
      }
      if (file?.[2]) return await servePermissions(req, res, url, file[1] ?? "");
      if (file) return await serveFiles(req, res, url, file[1] ?? null);
      throw new DriveRefusedError(404, "notFound", "Not Found");
    };
    serve().catch((error: unknown) => {
      req.resume();
      sendRefusal(res, error);
    });
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;

  const answer = (res: ServerResponse, body: object, status = 200) => {
    res.writeHead(status, { "content-type": "application/json; charset=UTF-8" });
    res.end(JSON.stringify(body));
  };
  const fieldsOf = (query: URLSearchParams) => query.get("fields")?.split(",") ?? DEFAULT_FIELDS;
  const answerFile = (res: ServerResponse, file: StoredFile, query: URLSearchParams) =>
    answer(res, shown(file, fieldsOf(query), origin));

  /** Without a token: what a link shows to everybody, and what a test reads by its key. */
  function download({ searchParams: query }: URL, res: ServerResponse): void {
    const id = query.get("id");
    const found =
      id === null
        ? files.under(folderId, query.get("key") ?? "")
        : files.all.filter((file) => file.id === id);
    if (found.length > 1) throw new DriveRefusedError(409, "ambiguous", "Several files have this name.");
    const [file] = found;
    if (!file || file.content === null) throw new DriveRefusedError(404, "notFound", "Not Found");
    // Google asks everybody else to sign in
    if (id !== null && !file.shared && !file.isPublic)
      return void res.writeHead(302, { location: "/signin" }).end();
    res.writeHead(200, {
      "content-type": file.mimeType,
      "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
    });
    res.end(file.content);
  }

  async function serveFiles(
    req: IncomingMessage,
    res: ServerResponse,
    url: URL,
    id: string | null,
  ): Promise<void> {
    const { searchParams: query } = url;
    if (id === null && req.method === "GET") {
      const fields = /^nextPageToken,files\(([\w,]+)\)$/.exec(query.get("fields") ?? "")?.[1]?.split(",");
      if (!fields) throw new DriveRefusedError(400, "invalidParameter", "Invalid field selection");
      const { files: found, ...more } = files.list(query);
      return answer(res, { files: found.map((file) => shown(file, fields, origin)), ...more });
    }
    if (id === null && req.method === "POST") {
      return answerFile(res, files.create((await json(req)) as Metadata, query, null), query);
    }
    if (id !== null && req.method === "GET" && query.get("alt") === "media") {
      return sendContent(req, res, files.get(id, query));
    }
    if (id !== null && req.method === "GET") return answerFile(res, files.get(id, query), query);
    if (id !== null && req.method === "PATCH") {
      return answerFile(res, files.update(id, (await json(req)) as Metadata, query), query);
    }
    if (id === null || req.method !== "DELETE") throw new DriveRefusedError(404, "notFound", "Not Found");
    files.delete(id, query);
    res.writeHead(204).end();
  }

  async function servePermissions(
    req: IncomingMessage,
    res: ServerResponse,
    url: URL,
    id: string,
  ): Promise<void> {
    const file = files.get(id, url.searchParams);
    if (req.method === "POST") {
      const { type, role } = (await json(req)) as { type?: string; role?: string };
      if (type !== "anyone" || role !== "reader")
        throw new DriveRefusedError(400, "invalid", "Invalid permission.");
      if (double.noSharing) throw new DriveRefusedError(403, double.noSharing, "You cannot share this item.");
      file.shared = true;
      return answer(res, { id: "anyoneWithLink" });
    }
    const isOpen = file.shared || file.isPublic;
    answer(res, { permissions: [{ type: "user" }, ...(isOpen ? [{ type: "anyone" }] : [])] });
  }

  async function serveUpload(
    req: IncomingMessage,
    res: ServerResponse,
    url: URL,
    id: string | null,
  ): Promise<void> {
    const { searchParams: query } = url;
    const session = query.get("upload_id");
    if (session !== null) return await serveSession(req, res, session);
    const isRight = req.method === (id === null ? "POST" : "PATCH");
    if (!isRight) throw new DriveRefusedError(404, "notFound", "Not Found");
    if (query.get("uploadType") === "multipart") {
      const { metadata, content } = multipartOf(
        req.headers["content-type"] ?? "",
        Buffer.concat(await req.toArray()),
      );
      const file =
        id === null ? files.create(metadata, query, content) : files.update(id, metadata, query, content);
      return answerFile(res, file, query);
    }
    if (query.get("uploadType") !== "resumable") throw new DriveRefusedError(400, "badRequest", "uploadType");
    const begun = sessions.begin(id, (await json(req)) as Metadata, query);
    url.searchParams.set("upload_id", begun);
    // Google names its own host, whatever proxy is in front of it
    res.writeHead(200, { location: `https://www.googleapis.com${url.pathname}?${url.searchParams}` }).end();
  }

  async function serveSession(req: IncomingMessage, res: ServerResponse, id: string): Promise<void> {
    if (req.method === "DELETE") {
      sessions.cancel(id);
      return void res.writeHead(499).end();
    }
    if (req.method !== "PUT") throw new DriveRefusedError(404, "notFound", "Not Found");
    const state = await sessions.put(id, req);
    if ("file" in state) return answerFile(res, state.file, state.query);
    res.writeHead(308, state.stored === 0 ? {} : { range: `bytes=0-${state.stored - 1}` }).end();
  }

  return Object.assign(double, {
    ...{ origin, folderId, files, sessions },
    account: { clientEmail, privateKey, tokenUri: origin + TOKEN_PATH },
    otherPrivateKey: newKeyPair().privateKey,
    revokeTokens: google.revoke,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

/** The content of a file, or a range of it. */
function sendContent(req: IncomingMessage, res: ServerResponse, { content, mimeType }: StoredFile): void {
  if (content === null) throw new DriveRefusedError(403, "fileNotDownloadable", "Only files with content.");
  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? "") ?? [];
  if (start === undefined) {
    res.writeHead(200, { "content-type": mimeType, "content-length": content.length });
    return void res.end(content);
  }
  const from = Number(start);
  if (from >= content.length) {
    throw new DriveRefusedError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable");
  }
  const last = Math.min(content.length - 1, end ? Number(end) : content.length - 1);
  const body = content.subarray(from, last + 1);
  const range = `bytes ${from}-${last}/${content.length}`;
  res.writeHead(206, { "content-type": mimeType, "content-length": body.length, "content-range": range });
  res.end(body);
}

/** A body that contains metadata and content. */
function multipartOf(contentType: string, body: Buffer): { metadata: Metadata; content: Buffer } {
  const boundary = /^multipart\/related; boundary=(\S+)$/.exec(contentType)?.[1];
  if (!boundary) throw new DriveRefusedError(400, "badContent", "not multipart/related");
  const text = body.toString("latin1");
  const [before = "", first = "", second = "", after = ""] = text.split(`--${boundary}`);
  if (before !== "" || after !== "--\r\n") throw new DriveRefusedError(400, "badContent", "wrong boundaries");
  const contentOf = (part: string) => part.slice(part.indexOf("\r\n\r\n") + 4, -2);
  return {
    metadata: JSON.parse(Buffer.from(contentOf(first), "latin1").toString()) as Metadata,
    content: Buffer.from(contentOf(second), "latin1"),
  };
}
