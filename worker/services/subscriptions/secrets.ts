import { z } from "zod";
import { SubscriptionJob } from "../../../schema/api/subscriptions/subscription.ts";
import type { RequestContext } from "../../context.ts";
import type { SubscriptionRow } from "../../db/subscriptions/subscription-rows.ts";

/** What a subscription keeps sealed: its source's address, the options of its jobs with credentials, the feed's token. */
const Secrets = z.object({ url: z.string(), job: z.record(z.string(), z.unknown()), feed_token: z.string() });

export interface SubscriptionSecrets {
  readonly url: string;
  /** As they were sent. */
  readonly sent: Record<string, unknown>;
  readonly job: SubscriptionJob;
  readonly feedToken: string;
}

export async function sealSecrets(
  { sealer }: Pick<RequestContext, "sealer">,
  accountId: string,
  { url, sent, feedToken }: Omit<SubscriptionSecrets, "job">,
): Promise<Pick<SubscriptionRow, "sealed" | "sealing_key_id">> {
  const text = JSON.stringify({ url, job: sent, feed_token: feedToken });
  const { sealed, key_id } = await sealer.seal(text, { owner: accountId, purpose: "subscription" });
  return { sealed, sealing_key_id: key_id };
}

/** @throws UnsealError */
export async function openSecrets(
  { sealer }: Pick<RequestContext, "sealer">,
  { account_id: owner, sealed }: Pick<SubscriptionRow, "account_id" | "sealed">,
): Promise<SubscriptionSecrets> {
  const { url, job, feed_token } = Secrets.parse(
    JSON.parse(await sealer.open(sealed, { owner, purpose: "subscription" })),
  );
  return { url, sent: job, job: SubscriptionJob.parse(job), feedToken: feed_token };
}
