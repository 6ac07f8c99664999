import { Account, CreatedKey } from "../../schema/api/account.ts";
import { endpoints } from "../../schema/api/endpoints.ts";
import { StackError } from "./errors.ts";

/**
 * A key that works: the known one if the Worker still takes it, else one of a new account, made through the API.
 *
 * @throws StackError when the admin API refuses
 */
export async function ensureLocalKey(
  workerUrl: string,
  adminToken: string,
  knownKey: string | undefined,
): Promise<string> {
  if (knownKey !== undefined && (await isAccepted(workerUrl, knownKey))) return knownKey;
  const admin = (path: string, body: unknown) => post(`${workerUrl}${path}`, adminToken, body);
  const account = Account.parse(await admin(endpoints.createAccount.path, { name: "local" }));
  const keys = endpoints.createKey.path.replace("{id}", account.id);
  return CreatedKey.parse(await admin(keys, { name: "local" })).api_key;
}

async function isAccepted(workerUrl: string, key: string): Promise<boolean> {
  const answer = await fetch(`${workerUrl}${endpoints.listJobs.path}?limit=1`, {
    headers: { "x-api-key": key },
  });
  await answer.arrayBuffer();
  return answer.ok;
}

async function post(url: string, adminToken: string, body: unknown): Promise<unknown> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new StackError(`The first account could not be made (${answer.status}): ${text}`);
  return JSON.parse(text);
}
