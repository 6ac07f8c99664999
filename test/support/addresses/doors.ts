import { generateKeyPairSync } from "node:crypto";
import http, { type Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { PodcastServices } from "../podcast-services.ts";
import { podcastShow } from "../podcast-shows.ts";
import { listen } from "../ports.ts";

/** An entry point: a place where callers or sources name addresses to which the service then connects. */
export const DOORS = [
  "job URL",
  "storage s3",
  "storage blob",
  "storage gcs",
  "storage oss",
  "Slack",
  "webhook",
  "podcast feed",
  "podcast enclosure",
  "HLS playlist",
  "HLS segment",
  "HLS key",
  "HLS map",
  "MPD BaseURL",
  "subtitle",
  "thumbnail",
] as const;
export type Door = (typeof DOORS)[number];

/** A request that sends an address to an entry point. */
export interface Knock {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Servers that callers may reach, which name the addresses of the campaign. */
export interface DoorServers {
  /** For `ALLOWED_PRIVATE_HOSTS`. */
  readonly hosts: string;
  readonly originUrl: string;
  /** The Worker's variables that point here. */
  readonly variables: Readonly<Record<string, string>>;
  /** Prepares the source's response, and returns the request that makes the service read it. */
  knock(door: Door, address: string): Knock;
  close(): Promise<void>;
}

/** @param video a playable file, for the media around the address */
export async function startDoorServers(video: Buffer): Promise<DoorServers> {
  const documents = new Map<string, { readonly type: string; readonly body: string | Buffer }>();
  documents.set("/ok.mp4", { type: "video/mp4", body: video });
  const origin = http.createServer((request, response) => {
    const path = request.url ?? "";
    const redirect = /^\/redirect\/(\d+)\/([\w-]+)/.exec(path);
    if (redirect) {
      const location = Buffer.from(redirect[2] ?? "", "base64url").toString();
      response.writeHead(Number(redirect[1]), { location }).end();
      return;
    }
    const found = documents.get(path);
    if (!found) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": found.type, "content-length": Buffer.byteLength(found.body) });
    response.end(request.method === "HEAD" ? undefined : found.body);
  });
  const originHost = `127.0.0.1:${await listen(origin)}`;
  const originUrl = `http://${originHost}`;
  const podcasts = await startPodcasts();
  let count = 0;
  const serve = (extension: string, type: string, body: string): string => {
    const path = `/${++count}.${extension}`;
    documents.set(path, { type, body });
    return originUrl + path;
  };
  const hls = (text: string) =>
    serve("m3u8", "application/vnd.apple.mpegurl", `#EXTM3U\n#EXT-X-VERSION:7\n${text}\n`);
  const job = (url: string, more: object = {}): Knock => ({ path: "/jobs", body: { url, ...more } });
  const media = (tags: string, segment: string) =>
    hls(`#EXT-X-TARGETDURATION:4\n${tags}#EXTINF:4,\n${segment}\n#EXT-X-ENDLIST`);
  const ok = `${originUrl}/ok.mp4`;
  const gcs = gcsOf(
    serve(
      "json",
      "application/json",
      JSON.stringify({ access_token: "t", token_type: "Bearer", expires_in: 3600 }),
    ),
  );
  const doors: Readonly<Record<Door, (address: string) => Knock>> = {
    "job URL": (address) => job(address),
    "HLS playlist": (address) =>
      job(hls(`#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=320x180\n${address}`)),
    "HLS segment": (address) => job(media("", address)),
    "HLS key": (address) => job(media(`#EXT-X-KEY:METHOD=AES-128,URI="${address}"\n`, ok)),
    "HLS map": (address) => job(media(`#EXT-X-MAP:URI="${address}"\n`, ok)),
    "MPD BaseURL": (address) => job(serve("mpd", "application/dash+xml", mpdWith(address))),
    "podcast feed": (address) => podcasts.knock({ feed: address }),
    "podcast enclosure": (address) => podcasts.knock({ enclosure: address }),
    subtitle: (address) =>
      job(
        hls(
          `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",LANGUAGE="en",URI="${asSubtitle(address)}"\n` +
            `#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=320x180,SUBTITLES="s"\n${media("", ok)}`,
        ),
        { download_subtitles: true },
      ),
    thumbnail: (address) =>
      job(
        serve(
          "html",
          "text/html",
          `<title>t</title><meta property="og:image" content="${inXml(address)}"><video src="${ok}" poster="${inXml(address)}"></video>`,
        ),
        { download_thumbnail: true },
      ),
    webhook: (address) => job(`${originUrl}/missing`, { webhook_url: address }),
    Slack: (address) => ({ path: "/user/slack", body: { webhook_url: address, notify_level: "all" } }),
    "storage s3": (endpoint) =>
      job(ok, {
        storage: {
          provider: "s3",
          endpoint,
          bucket: "b",
          region: "us-east-1",
          access_key: "k",
          secret_key: "s",
        },
      }),
    "storage blob": (endpoint) =>
      job(ok, {
        storage: {
          provider: "blob",
          account_name: "account",
          container: "container",
          account_key: Buffer.alloc(64, 1).toString("base64"),
          endpoint,
        },
      }),
    "storage gcs": (endpoint) => job(ok, { storage: { ...gcs, endpoint } }),
    "storage oss": (endpoint) =>
      job(ok, {
        storage: { provider: "oss", endpoint, bucket: "bucket", access_key_id: "k", access_key_secret: "s" },
      }),
  };
  return {
    hosts: `${originHost},${podcasts.host}`,
    originUrl,
    variables: podcasts.variables,
    knock: (door, address) => doors[door](address),
    async close() {
      origin.closeAllConnections();
      await new Promise((resolve) => origin.close(resolve));
      await podcasts.close();
    },
  };
}

/** A service account whose tokens come from the origin: without a token, no request reaches the storage itself. */
const gcsOf = (tokenUri: string) => ({
  provider: "gcs",
  project_id: "project",
  bucket: "bucket",
  service_account_json: Buffer.from(
    JSON.stringify({
      type: "service_account",
      client_email: "a@project.iam.gserviceaccount.com",
      private_key: generateKey(),
      token_uri: tokenUri,
    }),
  ).toString("base64"),
});

function generateKey(): string {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }).privateKey;
}

const mpdWith = (address: string): string => `<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT4S" minBufferTime="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">
<Period><AdaptationSet mimeType="video/mp4" contentType="video"><Representation id="1" bandwidth="100000" width="320" height="180" codecs="avc1.42c01e">
<BaseURL>${inXml(address)}</BaseURL></Representation></AdaptationSet></Period></MPD>`;

/** Subtitles are recognised by their extension; others are not fetched at all. */
const asSubtitle = (address: string): string => `${address.replace(/\.mp4$/, "")}.vtt`;

const inXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

/** The doubles of the directories, with one show whose feed or enclosure is the address that was set last. */
async function startPodcasts() {
  const show = podcastShow(1);
  let url = "";
  const services = new PodcastServices([show], () => url);
  let named: { readonly feed?: string; readonly enclosure?: string } = {};
  const fetch = async (request: Request): Promise<Response> => {
    const response = await services.handle(request);
    const { pathname } = new URL(request.url);
    if (pathname === "/itunes/search" && named.feed !== undefined) {
      const text = await response.text();
      return Response.json(
        JSON.parse(text, (name, value: unknown) => (name === "feedUrl" ? named.feed : value)),
      );
    }
    if (pathname.startsWith("/feeds/") && named.enclosure !== undefined) {
      const address = inXml(named.enclosure);
      const text = (await response.text()).replace(
        /<enclosure url="[^"]*"/g,
        () => `<enclosure url="${address}"`,
      );
      return new Response(text, { headers: { "content-type": "application/rss+xml" } });
    }
    return response;
  };
  const server = createAdaptorServer({ fetch }) as Server;
  const host = `127.0.0.1:${await listen(server)}`;
  url = `http://${host}`;
  return {
    host,
    variables: services.variables,
    knock(next: typeof named): Knock {
      named = next;
      return { path: "/jobs", body: { url: services.showUrl(show) } };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
