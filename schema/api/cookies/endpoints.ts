import { z } from "zod";
import type { Endpoint } from "../endpoint.ts";
import { CookieJarList, NewCookieJar, RemovedCookieJar, SavedCookieJar } from "./jar.ts";

const siteParam = z.object({
  site: z
    .string()
    .min(1)
    .max(253)
    .describe("Domain of the site, without scheme and path")
    .meta({ example: "youtube.com" }),
});

/** An export of a whole browser is larger than what is kept of it. */
const MAX_EXPORT_BYTES = 512 * 1024;

const body = { schema: NewCookieJar, required: true, maxBytes: MAX_EXPORT_BYTES } as const;

/** Cookies of an account, and those of the operator, which serve all accounts. */
export const cookieEndpoints = {
  listCookies: {
    method: "GET",
    path: "/user/cookies",
    auth: "key",
    scope: "storage",
    tag: "Account",
    summary: "List the sites for which the account stored cookies, and their state",
    responses: { 200: { description: "The sites", schema: CookieJarList } },
    errors: ["forbidden"],
  },
  setCookies: {
    method: "PUT",
    path: "/user/cookies/{site}",
    auth: "key",
    scope: "storage",
    tag: "Account",
    summary: "Store the account's cookies for a site; they replace those stored before",
    params: siteParam,
    body,
    responses: { 200: { description: "Stored", schema: SavedCookieJar } },
    errors: ["invalid_request", "forbidden", "payload_too_large"],
  },
  removeCookies: {
    method: "DELETE",
    path: "/user/cookies/{site}",
    auth: "key",
    scope: "storage",
    tag: "Account",
    summary: "Remove the account's cookies for a site",
    params: siteParam,
    responses: { 200: { description: "Removed", schema: RemovedCookieJar } },
    errors: ["invalid_request", "forbidden", "not_found"],
  },
  listOperatorCookies: {
    method: "GET",
    path: "/admin/cookies",
    auth: "admin",
    tag: "Operator",
    summary: "List the sites for which the operator stored cookies, and their state",
    responses: { 200: { description: "The sites", schema: CookieJarList } },
    errors: [],
  },
  setOperatorCookies: {
    method: "PUT",
    path: "/admin/cookies/{site}",
    auth: "admin",
    tag: "Operator",
    summary: "Store the operator's cookies for a site, which serve every account that has none of its own",
    params: siteParam,
    body,
    responses: { 200: { description: "Stored", schema: SavedCookieJar } },
    errors: ["invalid_request", "payload_too_large"],
  },
  removeOperatorCookies: {
    method: "DELETE",
    path: "/admin/cookies/{site}",
    auth: "admin",
    tag: "Operator",
    summary: "Remove the operator's cookies for a site",
    params: siteParam,
    responses: { 200: { description: "Removed", schema: RemovedCookieJar } },
    errors: ["invalid_request", "not_found"],
  },
} as const satisfies Record<string, Endpoint>;
