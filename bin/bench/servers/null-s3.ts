/**
 * The part of S3 that uploads use, as a program of its own. It accepts everything, checks nothing and keeps only sizes,
 * so that a bench measures the uploader. The bucket `shaped` reads slowly.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createPace, type Pace } from "./pace.ts";
import { SHAPED_RATE } from "./rates.ts";
import { listenAndReport } from "./server-process.ts";

const shaped = createPace(SHAPED_RATE);
/** Bytes by upload id, then by key once the upload is complete. */
const uploads = new Map<string, number>();
const objects = new Map<string, number>();
let count = 0;

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
  const received = await swallow(request, pathname.startsWith("/shaped/") ? shaped : null);
  const upload = searchParams.get("uploadId");
  const etag = { etag: `"${(count++).toString(16).padStart(32, "0")}"` };
  if (request.method === "POST" && searchParams.has("uploads")) {
    const id = `upload-${count}`;
    uploads.set(id, 0);
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
    response.writeHead(200, etag).end();
  } else if (request.method === "HEAD") {
    const size = objects.get(pathname);
    response.writeHead(size === undefined ? 404 : 200, { ...etag, "x-size": `${size ?? 0}` }).end();
  } else {
    response.writeHead(204).end();
  }
}

function respond(response: ServerResponse, xml: string): void {
  response.writeHead(200, { "content-type": "application/xml" }).end(xml);
}

const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
  serve(request, response).catch(() => response.destroy());
});
listenAndReport(server);
