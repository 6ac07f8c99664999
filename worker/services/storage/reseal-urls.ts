import { shownText } from "../../../schema/shown-url.ts";
import type { RequestContext } from "../../context.ts";
import type { BatchRow } from "../../db/batch-rows.ts";
import type { DeliveryRow, EndpointRow } from "../../db/delivery-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { listingsToResealQuery, replaceListingRequest } from "../../db/listings/listing-rows.ts";
import {
  batchesToResealQuery,
  deliveriesToResealQuery,
  endpointsToResealQuery,
  jobsToResealQuery,
  replaceBatchUrls,
  replaceDeliveryUrl,
  replaceEndpoint,
  replaceJobUrls,
  replaceSlackUrl,
  slackToResealQuery,
} from "../../db/sealed-urls.ts";
import type { ResealKind } from "./reseal-kind.ts";
import {
  type AddressColumns,
  addressOf,
  openAddress,
  openShowUrl,
  openSourceUrls,
  sealAddress,
  sealingKeyOf,
  sealShowUrl,
  sealSourceUrls,
  webhookOf,
} from "./sealed-urls.ts";

/** URLs in tables. Rows of former versions hold them in clear. */
export function urlKinds(context: RequestContext): ResealKind[] {
  const { db, sealer } = context;
  const { newestId, newestPrefix } = sealer;
  return [
    kind(
      (limit) => jobsToResealQuery(db, newestId, limit),
      async (job) => [replaceJobUrls(db, job, await resealedJob(context, job))],
    ),
    kind(
      (limit) => batchesToResealQuery(db, newestId, limit),
      async (batch) => [replaceBatchUrls(db, batch, await resealedBatch(context, batch))],
    ),
    {
      find: async (limit) =>
        (await listingsToResealQuery(db, newestId, limit)).map((row) => ({
          owner: row.batch_id,
          renew: async () => {
            const context = { owner: row.account_id, purpose: "batch.listing" } as const;
            const { sealed, key_id } = await sealer.seal(
              await sealer.open(row.sealed ?? "", context),
              context,
            );
            return [replaceListingRequest(db, row, { sealed, sealing_key_id: key_id })];
          },
        })),
    },
    kind(
      (limit) => slackToResealQuery(db, newestPrefix, limit),
      async ({ id, slack_url, sealed_slack_url: sealed }) => {
        if (slack_url === null) return [];
        const columns = { owner: id, name: slack_url, sealed, purpose: "account.slack_url" } as const;
        return [replaceSlackUrl(db, { id, slack_url }, await resealedAddress(context, columns))];
      },
    ),
    kind(
      (limit) => deliveriesToResealQuery(db, newestPrefix, limit),
      async (delivery) => [replaceDeliveryUrl(db, delivery, await resealedDelivery(context, delivery))],
    ),
    kind(
      (limit) => endpointsToResealQuery(db, newestPrefix, limit).then((rows) => rows.map(withId)),
      async ({ id: _, ...endpoint }) => {
        const { name, sealed } = await resealedAddress(context, addressOf({ ...endpoint, kind: "webhook" }));
        return replaceEndpoint(db, endpoint, { ...endpoint, url: name, sealed_url: sealed });
      },
    ),
  ];
}

function kind<Row extends { readonly id: string }>(
  find: (limit: number) => PromiseLike<readonly Row[]>,
  renew: (row: Row) => ReturnType<Awaited<ReturnType<ResealKind["find"]>>[number]["renew"]>,
): ResealKind {
  return {
    find: async (limit) => (await find(limit)).map((row) => ({ owner: row.id, renew: () => renew(row) })),
  };
}

const withId = (endpoint: EndpointRow) => ({ ...endpoint, id: endpoint.account_id });

type JobUrls = Pick<
  JobRow,
  "account_id" | "url" | "media_url" | "request" | "sealed_urls" | "sealed_webhook_url"
>;

async function resealedJob(context: RequestContext, job: JobUrls) {
  const { account_id: owner, request } = job;
  const urls = await sealSourceUrls(context, owner, await openSourceUrls(context, job));
  const webhook = webhookOf(owner, request.webhook_url, job.sealed_webhook_url);
  const address = webhook && (await resealedAddress(context, webhook));
  return {
    ...urls,
    sealed_webhook_url: address?.sealed ?? null,
    sealing_key_id: sealingKeyOf(context, urls.sealed_urls, address?.sealed ?? null),
    request: {
      ...request,
      ...(request.url === undefined ? {} : { url: urls.url }),
      ...(address ? { webhook_url: address.name } : {}),
    },
  };
}

async function resealedBatch(context: RequestContext, batch: BatchRow) {
  const { account_id: owner, webhook_url, sealed_webhook_url } = batch;
  const show = await sealShowUrl(context, owner, await openShowUrl(context, batch));
  const webhook = webhookOf(owner, webhook_url, sealed_webhook_url);
  const address = webhook && (await resealedAddress(context, webhook));
  return {
    ...show,
    webhook_url: address?.name ?? null,
    sealed_webhook_url: address?.sealed ?? null,
    sealing_key_id: sealingKeyOf(context, show.sealed_show_url, address?.sealed ?? null),
  };
}

async function resealedDelivery(context: RequestContext, delivery: DeliveryRow) {
  const { name, sealed } = await resealedAddress(context, addressOf(delivery));
  // a former version repeated the job's URL in the body
  const body = delivery.sealed_url === null ? shownText(delivery.body) : delivery.body;
  return { url: name, sealed_url: sealed, body };
}

/** A URL that already has a name keeps it, because tables refer to rows by that name. */
async function resealedAddress(context: RequestContext, columns: AddressColumns) {
  const url = await openAddress(context, columns);
  const { name, sealed } = await sealAddress(context, columns.owner, url, columns.purpose);
  return { name: columns.sealed === null ? name : columns.name, sealed };
}
