import type { z } from "zod";
import type { Resealed } from "../../schema/api/user-storage.ts";
import { writeWithAudit } from "../db/audit-rows.ts";
import { findCredentialsToReseal, replaceCredentials } from "../db/credentials.ts";
import { ACCOUNT_SECRETS, findAccountSecretsToReseal, replaceAccountSecret } from "../db/sealed-accounts.ts";
import { findConfigsToReseal, replaceStorageConfig } from "../db/storage-configs.ts";
import { describeError } from "../lib/log.ts";
import type { Scope } from "../services.ts";
import { type Actor, auditRow } from "./audit.ts";
import type { Sealed } from "./seal.ts";

/** Secrets of one kind that one call seals anew. */
const PAGE = 100;

interface Found {
  readonly owner: string;
  readonly sealed: string;
}
interface Kind {
  readonly find: () => PromiseLike<Found[]>;
  readonly replace: (found: Found, sealed: Sealed) => Parameters<typeof writeWithAudit>[1][number];
}

/**
 * Seals a page of secrets of each kind anew with the newest key, so that an older one can be taken out of
 * `SEALING_KEYS`. A secret that is erased or replaced meanwhile stays so. Links of delivered files are left alone: they
 * expire within a day.
 */
export async function reseal(scope: Scope, by: Actor): Promise<z.output<typeof Resealed>> {
  const { sealer } = scope;
  const changes: ReturnType<Kind["replace"]>[] = [];
  let [unreadable, full] = [0, false];
  for (const { find, replace } of kindsOf(scope)) {
    const page = await find();
    for (const found of page) {
      try {
        const plain = await sealer.open(found.sealed, found.owner);
        changes.push(replace(found, await sealer.seal(plain, found.owner)));
      } catch (error) {
        unreadable += 1;
        scope.log("reseal_failed", { owner: found.owner, error: describeError(error) });
      }
    }
    full ||= page.length === PAGE;
  }
  const done = { key_id: sealer.newestId, resealed: changes.length, unreadable };
  const audit = auditRow(scope, by, { action: "secrets.resealed", accountId: null, detail: done });
  await writeWithAudit(scope.db, changes, audit);
  scope.log("reseal", done);
  return { ...done, done: !full || done.resealed === 0 };
}

function kindsOf({ db, sealer }: Scope): Kind[] {
  const { newestId } = sealer;
  return [
    {
      find: () => findCredentialsToReseal(db, newestId, PAGE),
      replace: ({ owner, sealed }, after) => replaceCredentials(db, owner, sealed, after),
    },
    {
      find: () => findConfigsToReseal(db, newestId, PAGE),
      replace: ({ owner, sealed }, after) => replaceStorageConfig(db, owner, sealed, after),
    },
    ...ACCOUNT_SECRETS.map((secret) => ({
      find: () => findAccountSecretsToReseal(db, secret, sealer.newestPrefix, PAGE),
      replace: ({ owner, sealed }: Found, after: Sealed) =>
        replaceAccountSecret(db, secret, owner, sealed, after.sealed),
    })),
  ];
}
