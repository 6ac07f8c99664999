import { setTimeout as sleep } from "node:timers/promises";
import { createClient, WaterspoutError } from "../../schema/client.ts";
import { StackError } from "./errors.ts";

/** While the Worker loads, the platform itself sometimes responds, with errors that are not the Worker's. */
const UNEXPECTED_RESPONSES = 50;
const BETWEEN_TRIES_MS = 100;

/**
 * A key that works: the known one if the Worker still accepts it, else a new one, created through the API.
 *
 * @throws StackError if the API refuses
 */
export async function ensureLocalKey(
  url: string,
  adminToken: string,
  knownKey: string | undefined,
): Promise<string> {
  for (let tries = 1; ; tries++) {
    try {
      if (knownKey !== undefined && (await isAccepted(url, knownKey))) return knownKey;
      const api = createClient({ url, adminToken });
      const id = (await findLocalAccount(api)) ?? (await createLocalAccount(api));
      return (await api.createKey({ params: { id }, body: { name: "local" } })).api_key;
    } catch (cause) {
      if (!(cause instanceof WaterspoutError)) throw cause;
      if (cause.code !== "unexpected_answer" || tries === UNEXPECTED_RESPONSES) {
        throw new StackError(`The first account could not be made: ${cause.message}`, { cause });
      }
    }
    await sleep(BETWEEN_TRIES_MS);
  }
}

type Api = ReturnType<typeof createClient>;

/** First folder of the local account's keys in the stack's bucket. */
const LOCAL_PREFIX = "local";

const createLocalAccount = async (api: Api): Promise<string> =>
  (await api.createAccount({ body: { name: "local", storage_prefix: LOCAL_PREFIX } })).id;

/** The account that an earlier start created, whose key is lost; it is enabled again if it was disabled. */
async function findLocalAccount(api: Api): Promise<string | undefined> {
  for await (const { id, storage_prefix, disabled } of api.each("listAccounts", {})) {
    if (storage_prefix !== LOCAL_PREFIX) continue;
    if (disabled) await api.changeAccount({ params: { id }, body: { disabled: false } });
    return id;
  }
  return undefined;
}

async function isAccepted(url: string, apiKey: string): Promise<boolean> {
  try {
    await createClient({ url, apiKey }).listJobs({ query: { limit: 1 } });
    return true;
  } catch (failure) {
    if (failure instanceof WaterspoutError && failure.code === "invalid_api_key") return false;
    throw failure;
  }
}
