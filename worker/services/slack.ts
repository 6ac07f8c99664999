import { judgeUrl } from "../../schema/address.ts";
import type { SlackSettings } from "../../schema/api/slack.ts";
import { findAccount, updateAccount } from "../db/account-rows.ts";
import { invalidMember, notFound } from "../lib/api-error.ts";
import type { Scope } from "../services.ts";

/** Where an account's Slack hears of the ends of jobs. */

/** @throws ApiError `invalid_request` for an address that is not public */
export async function saveSlack(scope: Scope, accountId: string, settings: SlackSettings): Promise<void> {
  const { webhook_url, notify_level } = settings;
  const verdict = judgeUrl(new URL(webhook_url), scope.config.allowedPrivateHosts);
  if (!verdict.allowed) throw invalidMember("webhook_url", `must be a public address (${verdict.reason})`);
  await updateAccount(scope.db, accountId, { slack_url: webhook_url, slack_level: notify_level });
}

/** @throws ApiError `not_found` */
export async function readSlack(scope: Scope, accountId: string) {
  const account = await findAccount(scope.db, accountId);
  if (!account) throw notFound();
  const { slack_url, slack_level } = account;
  return { configured: slack_url !== null, webhook_url: slack_url, notify_level: slack_level };
}

export async function removeSlack(scope: Scope, accountId: string): Promise<void> {
  await updateAccount(scope.db, accountId, { slack_url: null, slack_level: null });
}
