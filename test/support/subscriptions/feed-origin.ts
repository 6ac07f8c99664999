/** An item of a stand-in feed. */
export interface Item {
  readonly guid: string | null;
  readonly title: string;
  /** Epoch milliseconds. */
  readonly date: number | null;
  readonly url: string;
  readonly duration?: string;
}

export const item = (index: number, facts: Partial<Item> = {}): Item => ({
  guid: `guid-${index}`,
  title: `Episode ${index}`,
  date: Date.UTC(2026, 9, 1) + index * 3_600_000,
  url: `https://cdn.example.com/${index}.mp3`,
  ...facts,
});

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** A feed as a server publishes it, the newest item first, with validators. */
export class FeedOrigin {
  /** The newest comes first. */
  items: Item[] = [];
  title = "A show";
  /** Addresses of a hub and of the feed at the hub. */
  hub: { readonly url: string; readonly topic: string } | null = null;
  /** A status that is answered instead of the feed. */
  outage: number | null = null;
  retryAfter: string | null = null;
  /** Times of requests, by the clock of the test. */
  readonly requests: number[] = [];
  /** Requests that were answered with 304. */
  unchanged = 0;
  readonly #clock: () => number;
  #written: { readonly facts: readonly unknown[]; readonly body: string; readonly etag: string } | null =
    null;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  readonly respond = (request: Request): Response => {
    this.requests.push(this.#clock());
    if (this.outage !== null) {
      const headers = this.retryAfter === null ? {} : { "retry-after": this.retryAfter };
      return new Response("no", { status: this.outage, headers });
    }
    const { body, etag } = this.#current();
    if (request.headers.get("if-none-match") === etag) {
      this.unchanged += 1;
      return new Response(null, { status: 304 });
    }
    return new Response(body, { headers: { etag, "content-type": "application/rss+xml" } });
  };

  /** Written anew only after a change, because most requests find none. */
  #current(): { body: string; etag: string } {
    const facts = [this.items, this.items[0], this.items.length, this.title, this.hub];
    if (!this.#written || facts.some((fact, index) => fact !== this.#written?.facts[index])) {
      const body = this.xml();
      this.#written = { facts, body, etag: `"${hashOf(body)}"` };
    }
    return this.#written;
  }

  xml(items: readonly Item[] = this.items): string {
    const links = this.hub
      ? `<atom:link rel="hub" href="${this.hub.url}"/><atom:link rel="self" href="${this.hub.topic}"/>`
      : "";
    return `<?xml version="1.0"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
      <title>${escaped(this.title)}</title>${links}${items.map(xmlOf).join("")}</channel></rss>`;
  }
}

const xmlOf = ({ guid, title, date, url, duration }: Item): string =>
  `<item><title>${escaped(title)}</title>${guid === null ? "" : `<guid>${escaped(guid)}</guid>`}${
    date === null ? "" : `<pubDate>${new Date(date).toUTCString()}</pubDate>`
  }${duration === undefined ? "" : `<itunes:duration>${duration}</itunes:duration>`}<enclosure url="${escaped(url)}" type="audio/mpeg" length="1"/></item>`;

function hashOf(text: string): string {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return (hash >>> 0).toString(16);
}
