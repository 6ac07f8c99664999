import { shownText } from "../../../schema/shown-url.ts";
import type { Scope } from "../../context.ts";
import type { BatchRow } from "../../db/batch-rows.ts";
import type { DeliveryRow, EndpointRow } from "../../db/delivery-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
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

/** URLs in tables, which rows of former versions hold in clear. */
export function urlKinds(scope: Scope): ResealKind[] {
  const { db, sealer } = scope;
  const { newestId, newestPrefix } = sealer;
  return [
    kind(
      (limit) => jobsToResealQuery(db, newestId, limit),
      async (job) => [replaceJobUrls(db, job, await resealedJob(scope, job))],
    ),
    kind(
      (limit) => batchesToResealQuery(db, newestId, limit),
      async (batch) => [replaceBatchUrls(db, batch, await resealedBatch(scope, batch))],
    ),
    kind(
      (limit) => slackToResealQuery(db, newestPrefix, limit),
      async ({ id, slack_url, sealed_slack_url: sealed }) => {
        if (slack_url === null) return [];
        const columns = { owner: id, name: slack_url, sealed, purpose: "account.slack_url" } as const;
        return [replaceSlackUrl(db, { id, slack_url }, await resealedAddress(scope, columns))];
      },
    ),
    kind(
      (limit) => deliveriesToResealQuery(db, newestPrefix, limit),
      async (delivery) => [replaceDeliveryUrl(db, delivery, await resealedDelivery(scope, delivery))],
    ),
    kind(
      (limit) => endpointsToResealQuery(db, newestPrefix, limit).then((rows) => rows.map(withId)),
      async ({ id: _, ...endpoint }) => {
        const { name, sealed } = await resealedAddress(scope, addressOf({ ...endpoint, kind: "webhook" }));
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

async function resealedJob(scope: Scope, job: JobUrls) {
  const { account_id: owner, request } = job;
  const urls = await sealSourceUrls(scope, owner, await openSourceUrls(scope, job));
  const webhook = webhookOf(owner, request.webhook_url, job.sealed_webhook_url);
  const address = webhook && (await resealedAddress(scope, webhook));
  return {
    ...urls,
    sealed_webhook_url: address?.sealed ?? null,
    sealing_key_id: sealingKeyOf(scope, urls.sealed_urls, address?.sealed ?? null),
    request: {
      ...request,
      ...(request.url === undefined ? {} : { url: urls.url }),
      ...(address ? { webhook_url: address.name } : {}),
    },
  };
}

async function resealedBatch(scope: Scope, batch: BatchRow) {
  const { account_id: owner, webhook_url, sealed_webhook_url } = batch;
  const show = await sealShowUrl(scope, owner, await openShowUrl(scope, batch));
  const webhook = webhookOf(owner, webhook_url, sealed_webhook_url);
  const address = webhook && (await resealedAddress(scope, webhook));
  return {
    ...show,
    webhook_url: address?.name ?? null,
    sealed_webhook_url: address?.sealed ?? null,
    sealing_key_id: sealingKeyOf(scope, show.sealed_show_url, address?.sealed ?? null),
  };
}

async function resealedDelivery(scope: Scope, delivery: DeliveryRow) {
  const { name, sealed } = await resealedAddress(scope, addressOf(delivery));
  // a former version repeated the job's URL in the body
  const body = delivery.sealed_url === null ? shownText(delivery.body) : delivery.body;
  return { url: name, sealed_url: sealed, body };
}

/** An address that has a name keeps it: tables find one row by the other's name. */
async function resealedAddress(scope: Scope, columns: AddressColumns) {
  const url = await openAddress(scope, columns);
  const { name, sealed } = await sealAddress(scope, columns.owner, url, columns.purpose);
  return { name: columns.sealed === null ? name : columns.name, sealed };
}
