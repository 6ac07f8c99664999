/**
 * The part of S3 that uploads use, as a program of its own. It accepts everything, checks nothing and keeps only sizes,
 * so that a bench measures the uploader. The bucket `shaped` reads slowly. A server in front may take the bodies: then
 * `x-body-bytes` has their length.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createPace, type Pace } from "./pace.ts";
import { SHAPED_RATE } from "./rates.ts";
import { FIRST_BYTES, listenTwice, tlsFiles } from "./server-process.ts";

const shaped = createPace(SHAPED_RATE);
/** Bytes by upload id, then by key once the upload is complete. */
const uploads = new Map<string, number>();
const objects = new Map<string, number>();
/** When a key got its first bytes, in epoch milliseconds, since the last question. */
const firsts = new Map<string, number>();
let count = 0;
const MODIFIED = { "last-modified": new Date().toUTCString() };

async function swallow(request: IncomingMessage, pace: Pace | null): Promise<number> {
  let length = 0;
  if (pace === null) {
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
    });
    await new Promise((resolve, reject) => request.once("end", resolve).once("error", reject));
    return length;
  }
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    await pace(chunk.length);
  }
  return length;
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://s3");
  const read = await swallow(request, pathname.startsWith("/shaped/") ? shaped : null);
  // some clients send signatures between the bytes
  const { "x-amz-decoded-content-length": decoded, "x-body-bytes": taken } = request.headers;
  const received = Number(decoded ?? taken ?? read);
  const upload = searchParams.get("uploadId");
  if (request.method === "PUT" && !firsts.has(pathname)) firsts.set(pathname, Date.now());
  const etag = { etag: `"${(count++).toString(16).padStart(32, "0")}"` };
  if (pathname === FIRST_BYTES) {
    response.end(JSON.stringify([...firsts]));
    firsts.clear();
  } else if (request.method === "POST" && searchParams.has("uploads")) {
    const id = `upload-${count}`;
    uploads.set(id, 0);
    const { "x-amz-checksum-algorithm": algorithm } = request.headers;
    if (algorithm !== undefined) response.setHeader("x-amz-checksum-algorithm", algorithm);
    respond(
      response,
      `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  } else if (request.method === "POST" && upload !== null) {
    objects.set(pathname, uploads.get(upload) ?? 0);
    uploads.delete(upload);
    respond(
      response,
      `<CompleteMultipartUploadResult><Location>l</Location><Key>k</Key><ETag>e</ETag></CompleteMultipartUploadResult>`,
    );
  } else if (request.method === "PUT") {
    if (upload === null) objects.set(pathname, received);
    else uploads.set(upload, (uploads.get(upload) ?? 0) + received);
    const { "x-amz-checksum-crc32": crc32 } = request.headers;
    response
      .writeHead(200, { ...etag, ...(crc32 === undefined ? {} : { "x-amz-checksum-crc32": crc32 }) })
      .end();
  } else if (request.method === "HEAD") {
    const size = objects.get(pathname);
    // such a tag is no MD5, so nobody compares it with one
    const head = { etag: `"${"0".repeat(32)}-1"`, "content-length": `${size ?? 0}`, ...MODIFIED };
    response.writeHead(size === undefined ? 404 : 200, head).end();
  } else {
    response.writeHead(204).end();
  }
}

function respond(response: ServerResponse, xml: string): void {
  response.writeHead(200, { "content-type": "application/xml" }).end(xml);
}

const answer: RequestListener = (request, response) => {
  serve(request, response).catch(() => response.destroy());
};
listenTwice({ keepAliveTimeout: 60_000, requestTimeout: 0 }, answer, tlsFiles(process.argv.slice(2)));
