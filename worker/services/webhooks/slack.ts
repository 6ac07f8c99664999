import { judgeUrl } from "../../../schema/address.ts";
import type { SlackSettings } from "../../../schema/api/slack.ts";
import type { RequestContext } from "../../context.ts";
import { updateAccount } from "../../db/account-rows.ts";
import { invalidMember } from "../../lib/api-error.ts";
import { requireAccount } from "../accounts/accounts.ts";
import { type Actor, auditRow } from "../accounts/audit.ts";
import { addressForOwner, sealAddress } from "../storage/sealed-urls.ts";

/** Where an account's job results go in Slack. */

/** @throws ApiError `invalid_request` for an address that is not public */
export async function saveSlack(
  context: RequestContext,
  by: Actor,
  accountId: string,
  settings: SlackSettings,
): Promise<void> {
  const { webhook_url, notify_level } = settings;
  const verdict = judgeUrl(new URL(webhook_url), context.config.allowedPrivateHosts);
  if (!verdict.allowed) throw invalidMember("webhook_url", `must be a public address (${verdict.reason})`);
  // the address itself is a secret
  const audit = auditRow(context, by, { action: "slack.set", accountId, detail: { notify_level } });
  const { name, sealed } = await sealAddress(context, accountId, webhook_url, "account.slack_url");
  const changes = { slack_url: name, sealed_slack_url: sealed, slack_level: notify_level };
  await updateAccount(context.db, accountId, changes, audit);
}

/** @throws ApiError `not_found` */
export async function readSlack(context: RequestContext, accountId: string) {
  const { slack_url, sealed_slack_url, slack_level } = await requireAccount(context, accountId);
  const webhook_url =
    slack_url === null
      ? null
      : await addressForOwner(context, {
          owner: accountId,
          name: slack_url,
          sealed: sealed_slack_url,
          purpose: "account.slack_url",
        });
  return { configured: slack_url !== null, webhook_url, notify_level: slack_level };
}

export async function removeSlack(context: RequestContext, by: Actor, accountId: string): Promise<void> {
  const audit = auditRow(context, by, { action: "slack.removed", accountId });
  const changes = { slack_url: null, sealed_slack_url: null, slack_level: null };
  await updateAccount(context.db, accountId, changes, audit);
}
