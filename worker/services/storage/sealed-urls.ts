import { z } from "zod";
import { shownUrl } from "../../../schema/shown-url.ts";
import type { RequestContext } from "../../context.ts";
import type { BatchRow } from "../../db/batch-rows.ts";
import type { DeliveryRow } from "../../db/delivery-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { describeError } from "../../lib/log.ts";
import type { SealPurpose } from "./seal.ts";

/**
 * URLs contain secrets: passwords, signatures, tokens of webhooks. Tables keep the harmless part in clear and the whole
 * URL sealed with the account's id. Rows of former versions hold the whole URL in clear and nothing sealed; both forms
 * are read.
 */

type Sealing = Pick<RequestContext, "sealer">;
type Opening = Pick<RequestContext, "sealer" | "log">;

/** The URLs that a job fetches. */
export interface SourceUrls {
  readonly url: string;
  readonly media_url: string | null;
}
const SourceUrls = z.object({ url: z.string(), media_url: z.string().nullable() });

/** The columns of a job that hold its URLs. */
export async function sealSourceUrls(
  { sealer }: Sealing,
  owner: string,
  urls: SourceUrls,
): Promise<SourceUrls & { sealed_urls: string | null }> {
  const shown = {
    url: shownUrl(urls.url),
    media_url: urls.media_url === null ? null : shownUrl(urls.media_url),
  };
  if (shown.url === urls.url && shown.media_url === urls.media_url) return { ...urls, sealed_urls: null };
  const { sealed } = await sealer.seal(JSON.stringify(urls), { owner, purpose: "job.urls" });
  return { ...shown, sealed_urls: sealed };
}

type UrlColumns = Pick<JobRow, "account_id" | "url" | "media_url" | "sealed_urls">;

/** The complete URLs that a job fetches. @throws UnsealError */
export async function openSourceUrls({ sealer }: Sealing, job: UrlColumns): Promise<SourceUrls> {
  const { account_id: owner, url, media_url, sealed_urls } = job;
  if (sealed_urls === null) return { url, media_url };
  return SourceUrls.parse(JSON.parse(await sealer.open(sealed_urls, { owner, purpose: "job.urls" })));
}

/** A job's URL as its owner sent it, or its harmless part if the whole cannot be opened. */
export async function urlForOwner(context: Opening, job: UrlColumns): Promise<string> {
  return unlessBroken(context, job.url, async () => (await openSourceUrls(context, job)).url);
}

/** The columns of a batch that hold the URL of its list. */
export async function sealShowUrl(
  { sealer }: Sealing,
  owner: string,
  url: string | null,
): Promise<Pick<BatchRow, "show_url" | "sealed_show_url">> {
  const show_url = url === null ? null : shownUrl(url);
  if (url === null || show_url === url) return { show_url, sealed_show_url: null };
  const { sealed } = await sealer.seal(url, { owner, purpose: "batch.show_url" });
  return { show_url, sealed_show_url: sealed };
}

type ShowColumns = Pick<BatchRow, "account_id" | "show_url" | "sealed_show_url">;

/** The complete URL of a batch's list. @throws UnsealError */
export const openShowUrl = async (
  { sealer }: Sealing,
  { account_id: owner, show_url, sealed_show_url }: ShowColumns,
): Promise<string | null> =>
  sealed_show_url === null ? show_url : sealer.open(sealed_show_url, { owner, purpose: "batch.show_url" });

/** The URL of a batch's list as its owner sent it, or its harmless part. */
export const showUrlForOwner = (context: Opening, batch: ShowColumns): Promise<string | null> =>
  unlessBroken(context, batch.show_url, () => openShowUrl(context, batch));

/** The address of a webhook endpoint: its name in tables, and the sealed URL. */
export interface SealedAddress {
  /** Shows the host and distinguishes addresses of one account. @example "https://hooks.example.com/#5e88…" */
  readonly name: string;
  readonly sealed: string;
}

type AddressPurpose = Extract<SealPurpose, "webhook.url" | "account.slack_url">;

/** Digits of the tag in an address's name. */
const TAG_LENGTH = 32;

/** Seals a whole address, because tokens may be anywhere in it, especially in the path. */
export async function sealAddress(
  { sealer }: Sealing,
  owner: string,
  url: string,
  purpose: AddressPurpose,
): Promise<SealedAddress> {
  const [{ sealed }, tag] = await Promise.all([
    sealer.seal(url, { owner, purpose }),
    sealer.tag(JSON.stringify([owner, url])),
  ]);
  const digits = tag.slice(tag.indexOf(".") + 1);
  return { name: `${new URL(url).origin}/#${digits.slice(0, TAG_LENGTH)}`, sealed };
}

/**
 * The complete address.
 *
 * @param sealed null in rows of former versions, whose `name` is the address
 * @throws UnsealError
 */
export const openAddress = async (
  { sealer }: Sealing,
  { owner, name, sealed, purpose }: AddressColumns,
): Promise<string> => (sealed === null ? name : sealer.open(sealed, { owner, purpose }));

export interface AddressColumns {
  readonly owner: string;
  readonly name: string;
  readonly sealed: string | null;
  readonly purpose: AddressPurpose;
}

/** An address as its owner sent it, or its name if it cannot be opened. */
export const addressForOwner = (context: Opening, columns: AddressColumns): Promise<string> =>
  unlessBroken(context, columns.name, () => openAddress(context, columns));

/** Where a delivery goes. */
export const addressOf = ({
  account_id,
  url,
  sealed_url,
  kind,
}: Pick<DeliveryRow, "account_id" | "url" | "sealed_url" | "kind">): AddressColumns => ({
  owner: account_id,
  name: url,
  sealed: sealed_url,
  purpose: kind === "slack" ? "account.slack_url" : "webhook.url",
});

/** The `webhook_url` of a job or a batch; null without one. */
export const webhookOf = (owner: string, name: unknown, sealed: string | null): AddressColumns | null =>
  typeof name === "string" ? { owner, name: name.trim(), sealed, purpose: "webhook.url" } : null;

/** A request's `webhook_url` in the form for jobs: sealed in a column, and by its name in the request. */
export async function sealWebhook(
  context: Sealing,
  owner: string,
  echo: Readonly<Record<string, unknown>>,
): Promise<{
  readonly echo: Record<string, unknown>;
  readonly columns: Pick<JobRow, "sealed_webhook_url">;
}> {
  const { webhook_url: sent } = echo;
  if (typeof sent !== "string") return { echo: { ...echo }, columns: { sealed_webhook_url: null } };
  const { name, sealed } = await sealAddress(context, owner, sent.trim().toWellFormed(), "webhook.url");
  return { echo: { ...echo, webhook_url: name }, columns: { sealed_webhook_url: sealed } };
}

/** The value of the column `sealing_key_id` for these columns. */
export const sealingKeyOf = ({ sealer }: Sealing, ...sealed: (string | null)[]): string | null =>
  sealed.some((text) => text !== null) ? sealer.newestId : null;

async function unlessBroken<T>(context: Opening, shown: T, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    context.log("url_unreadable", { error: describeError(error) });
    return shown;
  }
}
