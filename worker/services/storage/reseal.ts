import type { z } from "zod";
import type { Resealed } from "../../../schema/api/user-storage.ts";
import type { RequestContext } from "../../context.ts";
import { writeWithAudit } from "../../db/audit-rows.ts";
import { jarsToResealQuery, replaceJarSecret } from "../../db/cookies/jar-rows.ts";
import { findCredentialsToReseal, replaceCredentials } from "../../db/credentials.ts";
import { findExitsToReseal, replaceExitUrl } from "../../db/exits/exit-rows.ts";
import {
  ACCOUNT_SECRETS,
  findAccountSecretsToReseal,
  replaceAccountSecret,
} from "../../db/sealed-accounts.ts";
import { findConfigsToReseal, replaceStorageConfig } from "../../db/storage-configs.ts";
import { describeError } from "../../lib/log.ts";
import { type Actor, auditRow } from "../accounts/audit.ts";
import type { Change, ResealKind } from "./reseal-kind.ts";
import { subscriptionKinds } from "./reseal-subscriptions.ts";
import { urlKinds } from "./reseal-urls.ts";
import type { SealedFor } from "./seal.ts";
import { sealedForJar } from "./sealed-for-jar.ts";

/** Maximum number of secrets of a kind that one call reseals. */
const PAGE = 100;

/**
 * Reseals a page of secrets of each kind with the newest key and in the newest form, so that an older key can be removed
 * from `SEALING_KEYS`. A secret that is erased or replaced meanwhile stays so. Links of delivered files are skipped,
 * because they expire within a day.
 */
export async function reseal(context: RequestContext, by: Actor): Promise<z.output<typeof Resealed>> {
  const { sealer } = context;
  const changes: Change[] = [];
  let [resealed, unreadable, full] = [0, 0, false];
  for (const { find } of [...secretKinds(context), ...urlKinds(context), ...subscriptionKinds(context)]) {
    const page = await find(PAGE);
    for (const { owner, renew } of page) {
      try {
        changes.push(...(await renew()));
        resealed += 1;
      } catch (error) {
        unreadable += 1;
        context.log("reseal_failed", { owner, error: describeError(error) });
      }
    }
    full ||= page.length === PAGE;
  }
  const done = { key_id: sealer.newestId, resealed, unreadable };
  const audit = auditRow(context, by, { action: "secrets.resealed", accountId: null, detail: done });
  await writeWithAudit(context.db, changes, audit);
  context.log("reseal", done);
  return { ...done, done: !full || done.resealed === 0 };
}

function secretKinds({ db, sealer }: RequestContext): ResealKind[] {
  const { newestPrefix } = sealer;
  const again = async (sealed: string, context: SealedFor) =>
    sealer.seal(await sealer.open(sealed, context), context);
  return [
    {
      find: async (limit) =>
        (await findCredentialsToReseal(db, newestPrefix, limit)).map(({ owner, sealed }) => ({
          owner,
          renew: async () => [
            replaceCredentials(db, owner, sealed, await again(sealed, { owner, purpose: "job.storage" })),
          ],
        })),
    },
    {
      find: async (limit) =>
        (await findConfigsToReseal(db, newestPrefix, limit)).map(({ owner, sealed }) => ({
          owner,
          renew: async () => [
            replaceStorageConfig(
              db,
              owner,
              sealed,
              await again(sealed, { owner, purpose: "account.storage" }),
            ),
          ],
        })),
    },
    {
      find: async (limit) =>
        (await jarsToResealQuery(db, newestPrefix, limit)).map((jar) => ({
          owner: jar.id,
          renew: async () => [replaceJarSecret(db, jar, await again(jar.sealed, sealedForJar(jar)))],
        })),
    },
    {
      find: async (limit) =>
        (await findExitsToReseal(db, newestPrefix, limit)).map(({ owner, sealed }) => ({
          owner,
          renew: async () => {
            const after = await again(sealed, { owner, purpose: "exit.url" });
            return [replaceExitUrl(db, owner, sealed, after.sealed)];
          },
        })),
    },
    ...ACCOUNT_SECRETS.map((secret) => ({
      find: async (limit: number) =>
        (await findAccountSecretsToReseal(db, secret, newestPrefix, limit)).map(({ owner, sealed }) => ({
          owner,
          renew: async () => {
            const after = await again(sealed, { owner, purpose: "account.webhook_secret" });
            return [replaceAccountSecret(db, secret, owner, sealed, after.sealed)];
          },
        })),
    })),
  ];
}
