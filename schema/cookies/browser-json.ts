import { z } from "zod";
import { type Cookie, CookieFormatError } from "./cookie.ts";

/**
 * Cookies in JSON as browsers' extensions and automation tools export them: a list of cookies, or an object with the
 * list as `cookies`.
 */

const ExportedCookie = z.object({
  domain: z.string().min(1),
  name: z.string(),
  value: z.string(),
  path: z.string().nullish(),
  hostOnly: z.boolean().nullish(),
  secure: z.boolean().nullish(),
  /** Of extensions: absent for a cookie of the session. */
  expirationDate: z.number().nullish(),
  /** Of automation tools: -1 for a cookie of the session. */
  expires: z.number().nullish(),
});

const Exported = z.union([z.array(z.unknown()), z.object({ cookies: z.array(z.unknown()) })]);

/** @throws CookieFormatError that names the first entry that is not a cookie */
export function parseBrowserJson(value: unknown): Cookie[] {
  const exported = Exported.safeParse(value);
  if (!exported.success) {
    throw new CookieFormatError(
      "must be a list of cookies, or an object with the list as its member cookies",
    );
  }
  const list = Array.isArray(exported.data) ? exported.data : exported.data.cookies;
  return list.map((entry, index) => {
    const parsed = ExportedCookie.safeParse(entry);
    if (!parsed.success) {
      const member = parsed.error.issues[0]?.path.join(".") || "domain";
      throw new CookieFormatError(
        `are not readable: entry ${index + 1} has no valid ${member}; a cookie has a domain, a name and a value`,
      );
    }
    return cookieOf(parsed.data);
  });
}

function cookieOf({ domain, hostOnly, path, secure, name, value, ...times }: z.infer<typeof ExportedCookie>) {
  const until = times.expirationDate ?? times.expires ?? 0;
  return {
    domain: domain.replace(/^\./, "").toLowerCase(),
    hostOnly: hostOnly ?? !domain.startsWith("."),
    path: path || "/",
    secure: secure ?? false,
    expires: until > 0 ? Math.floor(until) : null,
    name,
    value,
  } satisfies Cookie;
}
