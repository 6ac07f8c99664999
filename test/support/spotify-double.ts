import type { PodcastEpisode, PodcastShow } from "./podcast-shows.ts";

/** The double's next responses, instead of what it knows. */
export interface SpotifyTrouble {
  readonly status: 401 | 429 | 500;
  readonly retryAfterSeconds?: number;
  /** Requests that are answered in this way. */
  times: number;
}

const MAX_LIMIT = 50;

/**
 * A double of Spotify's accounts service and Web API, with the formats, paging and errors that their documentation
 * describes: objects with all their members, `null` for removed episodes, `{ "error": { "status", "message" } }`.
 */
export class SpotifyDouble {
  readonly clientId = "double-client";
  readonly clientSecret = "double-secret";
  /** Requests, as `METHOD /path?query`. */
  readonly requests: string[] = [];
  /** The most requests of the Web API that were being answered at once. */
  peak = 0;
  trouble: SpotifyTrouble | null = null;
  /** Resolves before a page is answered. */
  onPage: () => Promise<void> = async () => {};
  #active = 0;
  #tokens = 0;
  readonly #shows: ReadonlyMap<string, PodcastShow>;

  constructor(shows: readonly PodcastShow[]) {
    this.#shows = new Map(shows.map((show) => [show.id, show]));
  }

  /** Tokens that were issued so far. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Answers a request of either service; both may have any base path. */
  async handle(request: Request): Promise<Response> {
    const { pathname, searchParams, search } = new URL(request.url);
    this.requests.push(`${request.method} ${pathname}${search}`);
    if (pathname.endsWith("/api/token")) return this.#token(request);
    const path = pathname.slice(pathname.indexOf("/v1/"));
    this.peak = Math.max(this.peak, ++this.#active);
    try {
      return this.#refusal(request) ?? (await this.#respond(request.url, path, searchParams));
    } finally {
      this.#active--;
    }
  }

  async #token(request: Request): Promise<Response> {
    const expected = `Basic ${btoa(`${this.clientId}:${this.clientSecret}`)}`;
    const form = await request.formData();
    if (request.headers.get("authorization") !== expected) {
      return Response.json({ error: "invalid_client", error_description: "Invalid client" }, { status: 400 });
    }
    if (form.get("grant_type") !== "client_credentials") {
      return Response.json({ error: "unsupported_grant_type" }, { status: 400 });
    }
    this.#tokens++;
    const access_token = `token-${this.#tokens}`;
    return Response.json({ access_token, token_type: "Bearer", expires_in: 3600 });
  }

  #refusal(request: Request): Response | null {
    if (request.headers.get("authorization") !== `Bearer token-${this.#tokens}`) {
      return refused(401, "Invalid access token");
    }
    if (!this.trouble || this.trouble.times === 0) return null;
    this.trouble.times--;
    const { status, retryAfterSeconds } = this.trouble;
    const headers = retryAfterSeconds === undefined ? {} : { "retry-after": `${retryAfterSeconds}` };
    return refused(status, status === 429 ? "API rate limit exceeded" : "trouble", headers);
  }

  async #respond(url: string, path: string, query: URLSearchParams): Promise<Response> {
    const [, kind, id = "", rest] = /^\/v1\/(shows|episodes)\/([^/]+)(\/episodes)?$/.exec(path) ?? [];
    if (!/^[A-Za-z0-9]{22}$/.test(id)) return refused(400, "Invalid base62 id");
    if (kind === "episodes") return this.#episode(id);
    const show = this.#shows.get(id);
    if (!show) return refused(404, "Resource not found");
    if (!rest) return Response.json({ ...showObject(show), episodes: page(show, url, 0, MAX_LIMIT) });
    const limit = Number(query.get("limit") ?? 20);
    const offset = Number(query.get("offset") ?? 0);
    if (!(limit >= 1 && limit <= MAX_LIMIT)) return refused(400, "Invalid limit");
    if (!(offset >= 0)) return refused(400, "Invalid offset");
    await this.onPage();
    return Response.json(page(show, url, offset, limit));
  }

  #episode(id: string): Response {
    for (const show of this.#shows.values()) {
      const episode = show.episodes.find((candidate) => candidate.id === id && !candidate.removed);
      if (episode) return Response.json({ ...episodeObject(episode), show: showObject(show) });
    }
    return refused(404, "Resource not found");
  }
}

function page(show: PodcastShow, url: string, offset: number, limit: number) {
  const at = (start: number) => {
    const address = new URL(url);
    address.searchParams.set("offset", `${start}`);
    address.searchParams.set("limit", `${limit}`);
    return address.href;
  };
  const total = show.episodes.length;
  return {
    href: at(offset),
    items: show.episodes
      .slice(offset, offset + limit)
      .map((episode) => (episode.removed ? null : episodeObject(episode))),
    limit,
    next: offset + limit < total ? at(offset + limit) : null,
    offset,
    previous: offset > 0 ? at(Math.max(0, offset - limit)) : null,
    total,
  };
}

const showObject = ({ id, name, publisher, episodes }: PodcastShow) => ({
  copyrights: [],
  description: `All about ${name}`,
  html_description: `<p>All about ${name}</p>`,
  explicit: false,
  external_urls: { spotify: `https://open.spotify.com/show/${id}` },
  href: `https://api.spotify.com/v1/shows/${id}`,
  id,
  images: [{ url: `https://i.scdn.co/image/${id}`, height: 640, width: 640 }],
  is_externally_hosted: false,
  languages: ["en"],
  media_type: "audio",
  name,
  publisher,
  type: "show",
  uri: `spotify:show:${id}`,
  total_episodes: episodes.length,
});

const episodeObject = ({ id, title, description, date, duration }: PodcastEpisode) => ({
  audio_preview_url: `https://p.scdn.co/mp3-preview/${id}`,
  description,
  html_description: `<p>${description}</p>`,
  duration_ms: duration * 1000 + 250,
  explicit: false,
  external_urls: { spotify: `https://open.spotify.com/episode/${id}` },
  href: `https://api.spotify.com/v1/episodes/${id}`,
  id,
  images: [{ url: `https://i.scdn.co/image/${id}`, height: 640, width: 640 }],
  is_externally_hosted: false,
  is_playable: true,
  language: "en",
  languages: ["en"],
  name: title,
  release_date: date,
  release_date_precision: "day",
  resume_point: { fully_played: false, resume_position_ms: 0 },
  type: "episode",
  uri: `spotify:episode:${id}`,
});

const refused = (status: number, message: string, headers: Record<string, string> = {}): Response =>
  Response.json({ error: { status, message } }, { status, headers });
