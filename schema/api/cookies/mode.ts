/**
 * When a site gets the stored cookies: `never`; `fallback`, if it refuses visitors without a session; `always`, from the
 * first request on.
 */
export const COOKIE_MODES = ["never", "fallback", "always"] as const;
export type CookieMode = (typeof COOKIE_MODES)[number];
