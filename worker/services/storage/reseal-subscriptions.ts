import type { RequestContext } from "../../context.ts";
import { entriesToResealQuery, replaceEntryUrls } from "../../db/subscriptions/entry-rows.ts";
import {
  feedsToResealQuery,
  leasesToResealQuery,
  replaceFeedUrl,
  replaceLeaseSecret,
} from "../../db/subscriptions/feed-rows.ts";
import {
  replaceSubscriptionSecrets,
  subscriptionsToResealQuery,
} from "../../db/subscriptions/subscription-rows.ts";
import type { ResealKind } from "./reseal-kind.ts";
import type { SealedFor } from "./seal.ts";

/** Secrets of subscriptions, their sources, their entries and the leases of hubs. */
export function subscriptionKinds({ db, sealer }: RequestContext): ResealKind[] {
  const { newestId } = sealer;
  const again = async (sealed: string, context: SealedFor) =>
    (await sealer.seal(await sealer.open(sealed, context), context)).sealed;
  return [
    {
      find: async (limit) =>
        (await subscriptionsToResealQuery(db, newestId, limit)).map((row) => ({
          owner: row.id,
          renew: async () => {
            const { account_id: owner, sealed, sealed_webhook_url: webhook } = row;
            return [
              replaceSubscriptionSecrets(db, row, {
                sealed: await again(sealed, { owner, purpose: "subscription" }),
                sealed_webhook_url:
                  webhook === null ? null : await again(webhook, { owner, purpose: "webhook.url" }),
                sealing_key_id: newestId,
              }),
            ];
          },
        })),
    },
    {
      find: async (limit) =>
        (await feedsToResealQuery(db, newestId, limit)).map((row) => ({
          owner: row.id,
          renew: async () => {
            const context = { owner: row.id, purpose: "feed.url" } as const;
            const url = await sealer.open(row.sealed_url, context);
            const { sealed } = await sealer.seal(url, context);
            const url_tag = await sealer.tag(url);
            return [replaceFeedUrl(db, row, { sealed_url: sealed, url_tag, sealing_key_id: newestId })];
          },
        })),
    },
    {
      find: async (limit) =>
        (await leasesToResealQuery(db, newestId, limit)).map((row) => ({
          owner: row.id,
          renew: async () => {
            const sealed_secret = await again(row.sealed_secret, { owner: row.id, purpose: "feed.lease" });
            return [replaceLeaseSecret(db, row, { sealed_secret, sealing_key_id: newestId })];
          },
        })),
    },
    {
      find: async (limit) =>
        (await entriesToResealQuery(db, newestId, limit)).map((row) => ({
          owner: row.id,
          renew: async () => {
            const { feed_id: owner, sealed_urls: sealed } = row;
            if (sealed === null) return [];
            const sealed_urls = await again(sealed, { owner, purpose: "feed.entry" });
            return [replaceEntryUrls(db, row, { sealed_urls, sealing_key_id: newestId })];
          },
        })),
    },
  ];
}
