import type { z } from "zod";
import type { Resealed } from "../../schema/api/user-storage.ts";
import { findCredentialsToReseal, replaceCredentials } from "../db/credentials.ts";
import { ACCOUNT_SECRETS, findAccountSecretsToReseal, replaceAccountSecret } from "../db/sealed-accounts.ts";
import { findConfigsToReseal, replaceStorageConfig } from "../db/storage-configs.ts";
import { describeError } from "../lib/log.ts";
import type { Scope } from "../services.ts";
import type { Sealed } from "./seal.ts";

/** Secrets of one kind that one call seals anew. */
const PAGE = 100;

interface Found {
  readonly owner: string;
  readonly sealed: string;
}
interface Kind {
  readonly find: () => PromiseLike<Found[]>;
  readonly replace: (found: Found, sealed: Sealed) => PromiseLike<unknown>;
}

/**
 * Seals a page of secrets of each kind anew with the newest key, so that an older one can be taken out of
 * `SEALING_KEYS`. A secret that is erased or replaced meanwhile stays so. Links of delivered files are left alone: they
 * expire within a day.
 */
export async function reseal(scope: Scope): Promise<z.output<typeof Resealed>> {
  const { sealer } = scope;
  let [resealed, unreadable, full] = [0, 0, false];
  for (const { find, replace } of kindsOf(scope)) {
    const page = await find();
    for (const found of page) {
      try {
        await replace(found, await sealer.seal(await sealer.open(found.sealed, found.owner), found.owner));
        resealed += 1;
      } catch (error) {
        unreadable += 1;
        scope.log("reseal_failed", { owner: found.owner, error: describeError(error) });
      }
    }
    full ||= page.length === PAGE;
  }
  scope.log("reseal", { key_id: sealer.newestId, resealed, unreadable });
  return { key_id: sealer.newestId, resealed, unreadable, done: !full || resealed === 0 };
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
