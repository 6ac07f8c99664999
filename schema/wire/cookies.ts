import { z } from "zod";
import { COOKIE_MODES } from "../api/cookies/mode.ts";
import { Id } from "../ids.ts";

/** A jar of the vault, opened. It is a secret: kept in memory only. */
export const WireJar = z.object({
  /** Of this version of the jar: a jar that was replaced has another one. */
  id: Id,
  /** Name of its site. @example "youtube.com" */
  site: z.string(),
  owner: z.enum(["account", "operator"]),
  /** In Netscape's format. */
  text: z.string(),
  /** Name of the exit that must be used with it; null for any. */
  exit: z.string().nullable(),
});
export type WireJar = z.infer<typeof WireJar>;

/** When a run or a probe sends cookies, and which. Workers of a former version name none. */
export const CookieUse = z
  .object({ mode: z.enum(COOKIE_MODES), jar: WireJar.nullable() })
  .default(() => NO_COOKIES);
export type CookieUse = z.infer<typeof CookieUse>;

/** What a request without options asks for, where no cookies are stored. */
export const NO_COOKIES: CookieUse = { mode: "fallback", jar: null };

/**
 * How a site answered to a jar; absent if its cookies were not sent. `refused`: as if they were no session; `undecided`:
 * the run failed for another reason.
 */
export const CookieReport = z.object({
  id: Id,
  result: z.enum(["accepted", "refused", "undecided"]),
  /** Cookies that the site changed, in Netscape's format; those that it removed have expired. */
  updated: z
    .string()
    .max(1 << 20)
    .optional(),
});
export type CookieReport = z.infer<typeof CookieReport>;
