import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mediaFolder } from "../support/media.ts";
import {
  type Asked,
  type Behaviour,
  OddServer,
  refuse,
  send,
  sendCompressed,
  sendRawDeflate,
} from "../support/odd-server.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/**
 * What servers do, each with the ways in which media is fetched from them. Every combination results in the same file.
 * `npm run matrix` runs all of them. Otherwise each behaviour meets a plain file and one of the other sources.
 */
const IS_FULL = process.env.MATRIX === "full";

const SOURCES = {
  file: "/file.mp4",
  "file with its index behind": "/last.mp4",
  HLS: "/hls/index.m3u8",
  "HLS of byte ranges": "/ranges/index.m3u8",
  "video and audio apart": "/dash/index.mpd",
} as const;
type SourceName = keyof typeof SOURCES;

const claims =
  (coding: string): Behaviour =>
  (asked) =>
    send(asked, { headers: { "content-encoding": coding } });
const playlistsAs =
  (coding: string): Behaviour =>
  (asked) =>
    asked.isPlaylist ? sendCompressed(asked, coding) : send(asked);
const oneAtATime =
  (status: number): Behaviour =>
  (asked) =>
    asked.active > 1 ? refuse(asked, status) : send(asked, { pauseMs: 5 });
const reset = ({ response }: Asked): void => void response.socket?.resetAndDestroy();
/** Two nodes that send different values of a header for the same file. */
const perNode =
  (headers: (node: number) => Record<string, string>): Behaviour =>
  (asked) =>
    send(asked, { headers: headers(asked.hit % 2) });
/** Sends requests to the nodes, through links that expire after a few requests. */
function redirectByTicket(): Behaviour {
  const left = new Map<string, number>();
  let count = 0;
  return (asked) => {
    const { pathname, searchParams } = new URL(asked.request.url ?? "", "http://odd");
    const token = searchParams.get("token");
    if (token === null) {
      const next = `${++count}`;
      left.set(next, 3);
      return refuse(asked, 302, { location: `${pathname}?token=${next}` });
    }
    const uses = left.get(token) ?? 0;
    if (!asked.isPlaylist && asked.request.method === "GET") left.set(token, uses - 1);
    return uses > 0 ? send(asked) : refuse(asked, 410);
  };
}
const MODIFIED = "Wed, 01 Jan 2025 00:00:00 GMT";
const contentRange = (start: number, end: number, total: number | string) => ({
  "content-range": `bytes ${start}-${end - 1}/${total}`,
});
const withRange = (asked: Asked, headers: (range: NonNullable<Asked["range"]>) => Record<string, string>) =>
  send(asked, asked.range ? { headers: headers(asked.range) } : {});

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  "claims aws-chunked": claims("aws-chunked"),
  "claims utf-8": claims("utf-8"),
  "claims an empty coding": claims(""),
  "claims identity": claims("identity"),
  "claims gzip, falsely": claims("gzip"),
  "claims deflate, falsely": claims("deflate"),
  "claims br, falsely": claims("br"),
  "claims several codings, falsely": claims("aws-chunked, gzip"),
  "stores playlists as gzip": playlistsAs("gzip"),
  "stores everything as gzip": (asked) => sendCompressed(asked, "gzip"),
  "stores everything as deflate": (asked) => sendCompressed(asked, "deflate"),
  "stores everything as raw deflate": sendRawDeflate,
  "stores media as br": (asked) => (asked.isPlaylist ? send(asked) : sendCompressed(asked, "br")),
  "stores media as zstd": (asked) => (asked.isPlaylist ? send(asked) : sendCompressed(asked, "zstd")),
  "serves one request at a time, and 503": oneAtATime(503),
  "serves one request at a time, and 429": oneAtATime(429),
  "resets a request that is one too many": (asked) =>
    asked.active > 1 ? reset(asked) : send(asked, { pauseMs: 5 }),
  "forbids a request that is one too many": oneAtATime(403),
  "answers 416 to a range behind the end": (asked) =>
    asked.range && asked.range.askedEnd > asked.file.length
      ? refuse(asked, 416, { "content-range": `bytes */${asked.file.length}` })
      : send(asked),
  "answers 416 to every range": (asked) => (asked.range ? refuse(asked, 416) : send(asked)),
  "ignores ranges": (asked) => send(asked, { noRanges: true }),
  "states another range": (asked) =>
    withRange(asked, ({ start, end }) => contentRange(start + 1, end + 1, asked.file.length)),
  "states another range, but for the first": (asked) =>
    withRange(asked, ({ start, end }) => contentRange(start === 0 ? 0 : start + 1, end, asked.file.length)),
  "states a larger total": (asked) =>
    withRange(asked, ({ start, end }) => contentRange(start, end, asked.file.length + 1000)),
  "states no total": (asked) => withRange(asked, ({ start, end }) => contentRange(start, end, "*")),
  "states no range": (asked) => send(asked, { headers: { "content-range": undefined } }),
  "writes its ranges oddly": (asked) =>
    withRange(asked, ({ start, end }) => ({
      "content-range": `Bytes=${start}-${end - 1}/${asked.file.length}`,
    })),
  "sends less than it is asked for": ({ range, ...asked }) =>
    send({ ...asked, range: range && { ...range, end: Math.min(range.end, range.start + 50_000) } }),
  "tags by node": perNode((node) => ({ etag: `"node-${node}"` })),
  "tags by node, with one date": perNode((node) => ({ etag: `"node-${node}"`, "last-modified": MODIFIED })),
  "tags weakly by node": perNode((node) => ({ etag: `W/"node-${node}"` })),
  "dates by node": perNode((node) => ({ "last-modified": `Wed, 01 Jan 2025 00:00:0${node} GMT` })),
  "refuses HEAD": (asked) => (asked.request.method === "HEAD" ? refuse(asked, 405) : send(asked)),
  "states no length": (asked) => send(asked, { noRanges: true, headers: { "content-length": undefined } }),
  "closes each first response half-way": (asked) =>
    asked.isPlaylist || asked.hit > 1
      ? send(asked)
      : send(asked, { cutAfter: Math.floor((asked.range ?? { end: asked.file.length }).end / 2) }),
  "speaks HTTP/1.0": ({ request, response, file, type }) => {
    const socket = response.socket;
    socket?.write(`HTTP/1.0 200 OK\r\nContent-Type: ${type}\r\n\r\n`);
    socket?.end(request.method === "HEAD" ? "" : file);
  },
  "names no version of HTTP": ({ request, response, file, type }) => {
    response.socket?.write(`ICY 200 OK\r\nContent-Type: ${type}\r\n\r\n`);
    response.socket?.end(request.method === "HEAD" ? "" : file);
  },
  "states its length twice": ({ request, response, file, type }) => {
    const length = `Content-Length: ${file.length}\r\n`;
    response.socket?.write(
      `HTTP/1.1 200 OK\r\n${length}Content-Type: ${type}\r\n${length}Connection: close\r\n\r\n`,
    );
    response.socket?.end(request.method === "HEAD" ? "" : file);
  },
  "ends header lines with LF, and names the file in Latin-1": ({ request, response, file, type }) => {
    const lines = [
      ...["HTTP/1.1 200 OK", `Content-Type: ${type}`, `Content-Length: ${file.length}`],
      ...['Content-Disposition: inline; filename="Gr\xfc\xdfe"', "Connection: close"],
    ];
    response.socket?.write([...lines, "", ""].join("\n"), "latin1");
    response.socket?.end(request.method === "HEAD" ? "" : file);
  },
  "redirects to an address in raw UTF-8": (asked) => {
    const { pathname, search } = new URL(asked.request.url ?? "", "http://odd");
    if (search !== "") return search === "?%C3%BC%E2%82%AC" ? send(asked) : refuse(asked, 404);
    const head = `HTTP/1.1 302 Found\r\nLocation: ${pathname}?ü€\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
    asked.response.socket?.end(head, "utf8");
  },
  "redirects to links that work a few times": redirectByTicket(),
  "accepts one connection": (asked) => send(asked, { pauseMs: 5 }),
  "sets a cookie first": (asked) =>
    asked.request.headers.cookie?.includes("seen=1")
      ? send(asked)
      : refuse(asked, 302, { "set-cookie": "seen=1; Path=/", location: asked.request.url ?? "/" }),
};

interface Case {
  readonly behaviour: string;
  readonly source: SourceName;
}

const [FILE, ...OTHERS] = Object.keys(SOURCES) as [SourceName, ...SourceName[]];
const CASES: readonly Case[] = Object.keys(BEHAVIOURS).flatMap((behaviour, index) => {
  const others = IS_FULL ? OTHERS : OTHERS.slice(index % OTHERS.length).slice(0, 1);
  return [FILE, ...others].map((source) => ({ behaviour, source }));
});

const nameOf = ({ behaviour, source }: Case): string => `${behaviour}: ${source}`;

let bench: ProcessorBench;
let folder: string;
const servers = new Map<string, OddServer>();
const expected = new Map<SourceName, readonly string[]>();

beforeAll(async () => {
  const root = await mediaFolder({
    // larger than a first range
    "file.mp4": ["mp4", { videoBitrate: 2_400_000 }],
    "last.mp4": ["mp4-index-last", { videoBitrate: 2_400_000 }],
    hls: ["hls-ts"],
    ranges: ["hls-byterange"],
    dash: ["dash"],
  });
  folder = await mkdtemp(join(tmpdir(), "servers-"));
  const ordinary = await new OddServer(root, send).start();
  servers.set("ordinary", ordinary);
  for (const one of CASES) {
    // what is learned about a host affects the runs that follow: each case has a separate host
    const sockets = one.behaviour === "accepts one connection" ? 1 : undefined;
    const server = new OddServer(root, BEHAVIOURS[one.behaviour] ?? send, sockets);
    servers.set(nameOf(one), await server.start());
  }
  const hosts = [...servers.values()].map(({ host }) => host);
  bench = await startProcessorBench(hosts);
  for (const source of Object.keys(SOURCES) as SourceName[]) {
    expected.set(source, await deliveredFrom(ordinary, source));
  }
}, 60_000);

afterAll(async () => {
  await bench.close();
  await Promise.all([...servers.values()].map((server) => server.close()));
  await rm(folder, { recursive: true, force: true });
});

/** A digest of all packets of each delivered stream. */
async function deliveredFrom(server: OddServer, source: SourceName): Promise<readonly string[]> {
  const outcome = await bench.run(server.url + SOURCES[source]);
  const log = JSON.stringify(bench.logs.filter(({ event }) => event === "fault").at(-1));
  if (outcome.type !== "completed") throw new Error(`${JSON.stringify(outcome)} ${log}`);
  const object = await bench.object(outcome.delivery.key);
  if (!object) throw new Error("nothing was delivered");
  const path = join(folder, `${outcome.delivery.sha256}.mp4`);
  await writeFile(path, object);
  const args = ["-v", "error", "-i", path, "-map", "0", "-c", "copy", "-f", "streamhash", "-"];
  const { stdout } = await promisify(execFile)("ffmpeg", args);
  await rm(path, { force: true });
  return stdout.trim().split("\n");
}

describe("media is delivered completely, whatever a server does", () => {
  it.each(CASES.map((one) => [nameOf(one), one] as const))("one that %s", async (name, { source }) => {
    const server = servers.get(name);
    if (!server) throw new Error(`no server for ${name}`);
    expect(await deliveredFrom(server, source)).toEqual(expected.get(source));
  });
});
