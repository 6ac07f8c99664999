import { CONTAINERS, type Format } from "../../../schema/containers.ts";
import { escapeXml } from "../../../schema/xml.ts";
import type { RequestContext } from "../../context.ts";
import { deliveredQuery, findEntryJob } from "../../db/subscriptions/delivered-entries.ts";
import {
  findSubscription,
  readSubscription,
  type SubscriptionRow,
} from "../../db/subscriptions/subscription-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { sameSecret } from "../../lib/digest.ts";
import { linksOf } from "../storage/links.ts";
import { openSecrets, type SubscriptionSecrets } from "./secrets.ts";
import { feedUrlOf } from "./view.ts";

/** Items of a feed, the newest ones. */
const MAX_ITEMS = 500;

/**
 * The podcast feed of the files that a subscription delivered: RSS 2.0 with the tags of Apple Podcasts. Its enclosures
 * lead to the files through this service, because links of storages are valid for a day only.
 *
 * @throws ApiError `not_found`, also for a wrong token
 */
export async function podcastFeed(
  context: RequestContext,
  id: string,
  token: string | undefined,
): Promise<string> {
  const { row, secrets } = await requireToken(context, id, token);
  const [found, items] = await Promise.all([
    readSubscription(context.db, row.account_id, id),
    deliveredQuery(context.db, id, MAX_ITEMS),
  ]);
  const title = row.name ?? found?.feed.title ?? "Waterspout";
  const self = feedUrlOf(context, id, secrets.feedToken);
  const link = row.url;
  const description = `Files that Waterspout delivered from ${row.url}`;
  const channel = [
    element("title", title),
    element("link", link),
    element("description", description),
    element("language", "en"),
    element("generator", "Waterspout"),
    element("itunes:author", title),
    element("itunes:summary", description),
    element("itunes:explicit", "false"),
    element("itunes:block", "Yes"),
    `<itunes:category text="Technology"/>`,
    `<atom:link href="${escapeXml(self)}" rel="self" type="application/rss+xml"/>`,
    ...items.map((item) => itemOf(context, id, secrets.feedToken, item)),
  ];
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom">`,
    "<channel>",
    ...channel,
    "</channel>",
    "</rss>",
    "",
  ].join("\n");
}

type Delivered = Awaited<ReturnType<typeof deliveredQuery>>[number];

function itemOf({ config }: RequestContext, id: string, token: string, item: Delivered): string {
  const extension = extensionOf(item.object_key ?? "");
  const address = `${config.publicUrl}/subscriptions/${id}/files/${item.job_id}.${extension}?token=${token}`;
  const title = item.title ?? item.job_title ?? item.job_id;
  const description = item.description ?? item.job_description ?? "";
  const date = new Date(item.published_at ?? item.delivered_at ?? 0).toUTCString();
  return [
    "<item>",
    element("title", title),
    element("description", description === "" ? title : description),
    `<guid isPermaLink="false">${item.job_id}</guid>`,
    element("pubDate", date),
    `<enclosure url="${escapeXml(address)}" length="${item.file_size ?? 0}" type="${mimeOf(extension)}"/>`,
    ...(item.duration === null ? [] : [element("itunes:duration", String(Math.round(item.duration)))]),
    ...(item.episode === null ? [] : [element("itunes:episode", String(item.episode))]),
    element("itunes:explicit", "false"),
    "</item>",
  ].join("\n");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no such characters
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const element = (name: string, text: string): string =>
  `<${name}>${escapeXml(text.toWellFormed().replace(NOT_XML, " "))}</${name}>`;

const extensionOf = (key: string): string => key.slice(key.lastIndexOf(".") + 1);
const mimeOf = (extension: string): string =>
  CONTAINERS[extension as Format]?.mime ?? "application/octet-stream";

/**
 * A link to a file of a podcast feed, valid for a day.
 *
 * @param file id of the job, with the extension
 * @throws ApiError `not_found`, also for a wrong token
 */
export async function podcastFile(
  context: RequestContext,
  { id, file, token }: { id: string; file: string; token: string | undefined },
): Promise<string> {
  await requireToken(context, id, token);
  const jobId = /^([0-9a-f-]{36})\.\w{2,5}$/.exec(file)?.[1];
  const job = jobId === undefined ? undefined : await findEntryJob(context.db, id, jobId);
  const link = job?.object_key ? (await linksOf(context, job))[job.object_key] : null;
  if (!link) throw notFound("page");
  return link;
}

/** @throws ApiError `not_found` for an unknown subscription and for a wrong token alike */
async function requireToken(
  context: RequestContext,
  id: string,
  token: string | undefined,
): Promise<{ row: SubscriptionRow; secrets: SubscriptionSecrets }> {
  const row = await findSubscription(context.db, id);
  if (!row || token === undefined) throw notFound("page");
  const secrets = await openSecrets(context, row);
  if (!(await sameSecret(token, secrets.feedToken))) throw notFound("page");
  return { row, secrets };
}
