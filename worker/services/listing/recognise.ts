import type { Recognised } from "./listing.ts";

const SPOTIFY = /^https:\/\/open\.spotify\.com\/(show|episode)\/([A-Za-z0-9]{22})/;

/** What a URL asks for. @param batch the caller wants the entries of a list, whatever the site */
export function recognise(url: string, batch: boolean): Recognised {
  const [, kind, id] = SPOTIFY.exec(url) ?? [];
  if (kind && id) return { type: kind === "show" ? "spotify_show" : "spotify_episode", id };
  return batch ? { type: "playlist", url } : { type: "media" };
}
