import { podcastFeed } from "./podcast-feed.ts";
import type { PodcastShow } from "./podcast-shows.ts";
import { SpotifyDouble } from "./spotify-double.ts";

/**
 * Everything that a Spotify show needs, as one web server: Spotify's two services, the iTunes Search API, Podcast
 * Index, the open feeds and their media.
 */
export class PodcastServices {
  readonly spotify: SpotifyDouble;
  /** Requests to everything but Spotify, as paths. */
  readonly requests: string[] = [];
  /** Responses that replace a feed, by the show's id. */
  readonly feeds = new Map<string, () => Response>();
  /** Makes iTunes answer this status. */
  itunesStatus = 200;
  /** Shows that iTunes does not know. */
  readonly unlisted = new Set<string>();
  readonly #shows: readonly PodcastShow[];
  readonly #base: () => string;
  readonly #media: Uint8Array<ArrayBuffer>;

  /** @param base where the server is reached, without a slash at the end */
  constructor(
    shows: readonly PodcastShow[],
    base: () => string,
    media: Uint8Array<ArrayBuffer> = new Uint8Array(1000),
  ) {
    this.spotify = new SpotifyDouble(shows);
    this.#shows = shows;
    this.#base = base;
    this.#media = media;
  }

  /** The Worker's variables that point here. */
  get variables(): Record<string, string> {
    const base = this.#base();
    return {
      SPOTIFY_CLIENT_ID: this.spotify.clientId,
      SPOTIFY_CLIENT_SECRET: this.spotify.clientSecret,
      SPOTIFY_API_URL: `${base}/spotify`,
      SPOTIFY_ACCOUNTS_URL: `${base}/accounts`,
      ITUNES_SEARCH_URL: `${base}/itunes`,
      PODCAST_INDEX_URL: `${base}/index`,
    };
  }

  /** Address of a show's page, as callers send it. */
  showUrl = (show: PodcastShow): string => `https://open.spotify.com/show/${show.id}`;

  readonly handle = async (request: Request): Promise<Response> => {
    const { pathname, search, searchParams } = new URL(request.url);
    if (/^\/(spotify|accounts)\//.test(pathname)) return this.spotify.handle(request);
    this.requests.push(pathname + search);
    if (pathname === "/itunes/search") return this.#itunes(searchParams);
    if (pathname === "/index/api/1.0/search/byterm") return this.#index(request, searchParams);
    const id = /^\/feeds\/(\w+)\.xml$/.exec(pathname)?.[1];
    const show = this.#shows.find((candidate) => candidate.id === id);
    if (show) return this.feeds.get(show.id)?.() ?? this.#feed(show);
    if (pathname.startsWith("/media/")) return this.#file(request);
    return new Response("not found", { status: 404 });
  };

  #feed(show: PodcastShow): Response {
    const text = podcastFeed(show, this.#base());
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const { done, value } = text.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
    });
    return new Response(body, { headers: { "content-type": "application/rss+xml; charset=utf-8" } });
  }

  #itunes(query: URLSearchParams): Response {
    if (this.itunesStatus !== 200) return new Response("no", { status: this.itunesStatus });
    const term = (query.get("term") ?? "").toLowerCase();
    const shows = this.#shows.filter(
      ({ id, name }) => !this.unlisted.has(id) && name.toLowerCase().includes(term),
    );
    const results = shows.map(({ id, name, publisher, episodes }, index) => ({
      wrapperType: "track",
      kind: "podcast",
      collectionId: index + 1,
      trackId: index + 1,
      artistName: publisher,
      collectionName: name,
      trackName: name,
      feedUrl: `${this.#base()}/feeds/${id}.xml`,
      trackCount: episodes.length,
      country: "USA",
      primaryGenreName: "Society & Culture",
    }));
    // the service really says text/javascript
    return new Response(JSON.stringify({ resultCount: results.length, results }), {
      headers: { "content-type": "text/javascript; charset=utf-8" },
    });
  }

  async #index({ headers }: Request, query: URLSearchParams): Promise<Response> {
    const [key, date] = [headers.get("x-auth-key"), headers.get("x-auth-date")];
    const data = new TextEncoder().encode(`${key}index-secret${date}`);
    const digest = [...new Uint8Array(await crypto.subtle.digest("SHA-1", data))];
    const expected = digest.map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (headers.get("authorization") !== expected)
      return new Response("Authorization failed", { status: 401 });
    const term = (query.get("q") ?? "").toLowerCase();
    const feeds = this.#shows
      .filter(({ name }) => name.toLowerCase().includes(term))
      .map(({ id, name, publisher, episodes }, index) => ({
        id: index + 1,
        title: name,
        url: `${this.#base()}/feeds/${id}.xml`,
        author: publisher,
        dead: 0,
        episodeCount: episodes.length,
      }));
    return Response.json({ status: "true", feeds, count: feeds.length, query: term, description: "Found" });
  }

  #file({ headers }: Request): Response {
    const size = this.#media.length;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
    const common = { "content-type": "audio/mpeg", "accept-ranges": "bytes" };
    if (from === undefined) {
      return new Response(this.#media, { headers: { ...common, "content-length": `${size}` } });
    }
    const [start, end] = [Number(from), to ? Math.min(size, Number(to) + 1) : size];
    return new Response(this.#media.slice(start, end), {
      status: 206,
      headers: { ...common, "content-range": `bytes ${start}-${end - 1}/${size}` },
    });
  }
}
