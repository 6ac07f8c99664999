import { z } from "zod";
import { JOB_ERROR_CODES } from "../../errors.ts";
import { Time } from "../../ids.ts";
import { Adjustment } from "../../media.ts";

/** `stale`: the site refused the cookies twice; they are not used again until they are replaced. */
export const JAR_STATES = ["active", "stale"] as const;

const Exit = z
  .string("must be the name of an exit, or null")
  .trim()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "must be the name of an exit, or null for any exit");

const members = {
  site: z.string().meta({ example: "youtube.com" }),
  cookies: z.int().min(1).describe("Number of cookies; they are never shown"),
  exit: Exit.nullable().describe("The exit that is used with the cookies; null for any"),
};

/** Body of `PUT /user/cookies/{site}`. */
export const NewCookieJar = z
  .object({
    cookies: z
      .union(
        [z.string(), z.array(z.unknown()), z.object({ cookies: z.array(z.unknown()) }).loose()],
        "must be the text of cookies.txt (Netscape format) or the JSON of a browser's extension",
      )
      .describe(
        "The export of a browser: the text of `cookies.txt` in Netscape's format, or the JSON of an extension, as text or as it is. Cookies of other sites are left out",
      ),
    exit: Exit.nullish().describe("The exit that must be used with the cookies; default: any"),
  })
  .meta({ id: "NewCookieJar" });
export type NewCookieJar = z.output<typeof NewCookieJar>;

export const CookieJarView = z
  .object({
    ...members,
    state: z
      .enum(JAR_STATES)
      .describe("`stale`: the site refused the cookies twice; they are not used until they are replaced"),
    set_at: Time,
    renewed_at: Time.nullable().describe("When the site last changed one of them"),
    used_at: Time.nullable(),
    stale_at: Time.nullable(),
    stale_code: z.enum(JOB_ERROR_CODES).nullable().describe("How the site refused them"),
  })
  .meta({ id: "CookieJar" });
export type CookieJarView = z.infer<typeof CookieJarView>;

export const CookieJarList = z.object({ cookies: z.array(CookieJarView) }).meta({ id: "CookieJarList" });

export const SavedCookieJar = z
  .object({
    message: z.string().meta({ example: "Cookies for youtube.com saved" }),
    ...members,
    adjustments: z.array(Adjustment).optional().describe("Cookies that were left out"),
  })
  .meta({ id: "SavedCookieJar" });
export type SavedCookieJar = z.infer<typeof SavedCookieJar>;

export const RemovedCookieJar = z.object({ message: z.string() }).meta({ id: "RemovedCookieJar" });
