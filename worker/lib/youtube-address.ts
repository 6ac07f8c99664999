const HOST = /^(?:(?:www|m|music)\.)?youtube\.com$|^(?:www\.)?youtube-nocookie\.com$|^(?:www\.)?youtu\.be$/;
const PATH_WITH_ID = /^\/(?:shorts|embed|live|v)\/([\w-]{11})\/?$/;

export const isYoutubeHost = (hostname: string): boolean => HOST.test(hostname);

/** Whether a host of YouTube is the one of its short links. */
export const isShortLinkHost = (hostname: string): boolean => hostname.endsWith("youtu.be");

/**
 * The id of the video that an address of YouTube leads to; null for all other addresses.
 *
 * @example youtubeId(new URL("https://youtu.be/aqz-KE-bpKQ?t=5")) // "aqz-KE-bpKQ"
 */
export function youtubeId(url: URL): string | null {
  const { hostname, pathname, searchParams, username, port } = url;
  if (!isYoutubeHost(hostname) || username !== "" || port !== "") return null;
  const short = isShortLinkHost(hostname) ? /^\/([\w-]{11})\/?$/.exec(pathname)?.[1] : undefined;
  const watched = /^\/watch\/?$/.test(pathname) ? searchParams.get("v") : null;
  const id = short ?? PATH_WITH_ID.exec(pathname)?.[1] ?? watched;
  return id && /^[\w-]{11}$/.test(id) ? id : null;
}
