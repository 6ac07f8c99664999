const PATH =
  /^\/(?:intl-[a-z]{2,3}(?:-[a-z]{2,4})?\/)?(?:embed(?:-podcast)?\/)?(show|episode)\/([A-Za-z0-9]{22})(?:\/|$)/i;

/** The show or episode that an address of Spotify leads to; null for all other addresses. */
export function spotifyItem({
  hostname,
  pathname,
}: URL): { readonly type: "show" | "episode"; readonly id: string } | null {
  if (hostname !== "open.spotify.com" && hostname !== "play.spotify.com") return null;
  const [, type, id] = PATH.exec(pathname) ?? [];
  if (type === undefined || id === undefined) return null;
  return { type: type.toLowerCase() === "show" ? "show" : "episode", id };
}

/** @example spotifyId(new URL("https://open.spotify.com/intl-de/episode/0Q86acNRm6V9GYx55SXKwf")) // "0Q86acNRm6V9GYx55SXKwf" */
export const spotifyId = (url: URL): string | null => spotifyItem(url)?.id ?? null;
