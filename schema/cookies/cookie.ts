/** A cookie as a browser stores it. */
export interface Cookie {
  /** Host name without a dot in front. @example "youtube.com" */
  readonly domain: string;
  /** Only this host gets it, and none of its subdomains. */
  readonly hostOnly: boolean;
  readonly path: string;
  /** Only sent over https. */
  readonly secure: boolean;
  /** Epoch seconds; null for a cookie that lasts as long as the browser's session. */
  readonly expires: number | null;
  readonly name: string;
  readonly value: string;
}

/** Why a text holds no usable cookies, as the end of a sentence that begins with the field's name; it contains no value. */
export class CookieFormatError extends Error {
  override readonly name = "CookieFormatError";
}

/** Identifies a cookie among those of a browser. */
const keyOf = ({ domain, path, name }: Cookie): string => JSON.stringify([domain, path, name]);

const byKey = (cookies: readonly Cookie[]): Map<string, Cookie> =>
  new Map(cookies.map((cookie) => [keyOf(cookie), cookie]));

/** The time at which a removed cookie expired: zero means in files that it lasts for the session. */
const REMOVED = 1;

/** What changed: new and changed cookies, and those that are gone, as expired ones. */
export function changedCookies(before: readonly Cookie[], after: readonly Cookie[]): Cookie[] {
  const [old, now] = [byKey(before), byKey(after)];
  const changed = [...now].filter(([key, cookie]) => !isSame(old.get(key), cookie));
  const removed = [...old].filter(([key]) => !now.has(key));
  return [
    ...changed.map(([, cookie]) => cookie),
    ...removed.map(([, cookie]) => ({ ...cookie, value: "", expires: REMOVED })),
  ];
}

const isSame = (one: Cookie | undefined, { value, expires }: Cookie): boolean =>
  one !== undefined && one.value === value && one.expires === expires;

/** The cookies after changes as {@link changedCookies} finds them, without those that have expired. @param now epoch milliseconds */
export function applyCookieChanges(
  cookies: readonly Cookie[],
  changes: readonly Cookie[],
  now: number,
): Cookie[] {
  return withoutExpired([...byKey([...cookies, ...changes]).values()], now);
}

/** @param now epoch milliseconds */
export const withoutExpired = (cookies: readonly Cookie[], now: number): Cookie[] =>
  cookies.filter(({ expires }) => expires === null || expires * 1000 > now);
