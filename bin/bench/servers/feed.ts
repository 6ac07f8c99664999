/** Podcast feeds of any length, `/feed/<entries>`, without media: measurements end before it would be fetched. */
import { createServer } from "node:http";
import { listenAndReport } from "./server-process.ts";

const item = (host: string, index: number) => `<item>
  <title>Episode ${index + 1}</title>
  <guid>episode-${index + 1}</guid>
  <pubDate>${new Date(Date.UTC(2026, 0, 1) - index * 86_400_000).toUTCString()}</pubDate>
  <enclosure url="http://${host}/media/${index + 1}.mp3" type="audio/mpeg" length="1000000"/>
</item>`;

listenAndReport(
  createServer(({ url = "", headers: { host = "" } }, response) => {
    const [, entries] = /^\/feed\/(\d+)(?:\?|$)/.exec(url) ?? [];
    if (entries === undefined) return response.writeHead(404).end();
    const items = Array.from({ length: Number(entries) }, (_, index) => item(host, index)).join("\n");
    response.setHeader("content-type", "application/rss+xml");
    return response.end(`<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>A show of ${entries}</title>
${items}
</channel></rss>`);
  }),
);
