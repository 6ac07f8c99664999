import { integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { JAR_STATES } from "../../api/cookies/jar.ts";
import type { JobErrorCode } from "../../errors.ts";
import { id, json, time } from "./columns.ts";

/** Cookies of accounts and of the operator, a row for each site. */
export const cookieJars = sqliteTable(
  "cookie_jars",
  {
    /** A jar that is set again gets a new one, so that reports about the former one change nothing. */
    id: id(),
    /** Id of the account, or `operator`. */
    owner: text("owner").notNull(),
    /** @example "youtube.com" */
    site: text("site").notNull(),
    /** All domains of the site. */
    domains: json<readonly string[]>("domains").notNull(),
    /** Name of the exit that must be used with it; null for any. */
    exit: text("exit"),
    state: text("state", { enum: JAR_STATES }).notNull(),
    /** Number of consecutive runs in which the site treated the cookies as no session. */
    refusals: integer("refusals").notNull().default(0),
    /** The cookies in Netscape's format, sealed with owner and site. */
    sealed: text("sealed").notNull(),
    key_id: text("key_id").notNull(),
    /** Changes with each change of the cookies, so that none is lost when several runs report some at the same time. */
    revision: text("revision").notNull(),
    /** Number of cookies. */
    cookies: integer("cookies").notNull(),
    set_at: time("set_at").notNull(),
    /** When the site last changed one. */
    renewed_at: time("renewed_at"),
    used_at: time("used_at"),
    stale_at: time("stale_at"),
    /** The refusal that made it stale. */
    stale_code: text("stale_code").$type<JobErrorCode>(),
    /** When the operator was notified that a jar of the operator is stale. */
    reported_at: time("reported_at"),
  },
  (table) => [uniqueIndex("cookie_jars_owner_site").on(table.owner, table.site)],
);
