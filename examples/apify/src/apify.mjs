/** The few calls of Apify's API that the actor makes, with the variables that the platform sets. */

const {
  APIFY_TOKEN = "",
  APIFY_API_BASE_URL = "https://api.apify.com",
  ACTOR_RUN_ID = "",
  ACTOR_DEFAULT_KEY_VALUE_STORE_ID = "",
  ACTOR_DEFAULT_DATASET_ID = "",
  ACTOR_INPUT_KEY = "INPUT",
  ACTOR_MAX_TOTAL_CHARGE_USD = "",
} = process.env;

/** What one delivered file is called on the bill. */
const EVENT = "file-delivered";

async function call(method, path, body, headers = {}) {
  const response = await fetch(`${APIFY_API_BASE_URL.replace(/\/$/, "")}/v2/${path}`, {
    method,
    headers: { authorization: `Bearer ${APIFY_TOKEN}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`Apify responded ${response.status} to ${method} ${path}`);
  return response;
}

/** The input of the run. */
export const readInput = async () =>
  (
    await call("GET", `key-value-stores/${ACTOR_DEFAULT_KEY_VALUE_STORE_ID}/records/${ACTOR_INPUT_KEY}`)
  ).json();

/** Adds an item to the dataset of the run. */
export const pushItem = (item) => call("POST", `datasets/${ACTOR_DEFAULT_DATASET_ID}/items`, item);

/** Charges one file; the id of its job makes a repeated call harmless. */
export const chargeFile = (jobId) =>
  call(
    "POST",
    `actor-runs/${ACTOR_RUN_ID}/charge`,
    { eventName: EVENT, count: 1 },
    { "idempotency-key": jobId },
  );

/** How many more files the caller's limit allows; infinite if there is none, or if the actor is not paid by event. */
export async function filesLeft() {
  const limit = Number(ACTOR_MAX_TOTAL_CHARGE_USD);
  if (!(limit > 0)) return Number.POSITIVE_INFINITY;
  const { data } = await (await call("GET", `actor-runs/${ACTOR_RUN_ID}`)).json();
  const price = data.pricingInfo?.pricingPerEvent?.actorChargeEvents?.[EVENT]?.eventPriceUsd ?? 0;
  const spent = (data.chargedEventCounts?.[EVENT] ?? 0) * price;
  return price > 0 ? Math.floor((limit - spent) / price + 1e-9) : Number.POSITIVE_INFINITY;
}
