/** A file of a few kilobytes under any path that ends in `.mp3`: so that everything but its transfer is measured. */
import { createServer } from "node:http";
import { listenAndReport } from "./server-process.ts";

/** Silent frames of MPEG-1 layer III, 128 kbit/s at 44.1 kHz: a header and no content. */
const FRAME = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x64]), Buffer.alloc(413)]);
const FILE = Buffer.concat(Array.from({ length: 20 }, () => FRAME));

listenAndReport(
  createServer({ keepAliveTimeout: 60_000 }, ({ method, headers: { range } }, response) => {
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    const [start, end] = [Number(from), to === "" ? FILE.length : Math.min(FILE.length, Number(to) + 1)];
    response.writeHead(range === undefined ? 200 : 206, {
      "accept-ranges": "bytes",
      "content-type": "audio/mpeg",
      "content-length": end - start,
      etag: '"tiny"',
      ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${FILE.length}` }),
    });
    response.end(method === "HEAD" ? undefined : FILE.subarray(start, end));
  }),
);
