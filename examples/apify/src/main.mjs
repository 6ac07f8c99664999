/** The actor: in batch mode it delivers the URLs of its input, in standby mode one URL for each request. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { chargeFile, filesLeft, pushItem, readInput } from "./apify.mjs";
import { deliver } from "./deliver.mjs";

const { APIFY_META_ORIGIN = "", ACTOR_RUN_ID = "local", ACTOR_WEB_SERVER_PORT = "4321" } = process.env;

/** Delivers a URL, charges the file and reports the result. */
async function deliverAndCharge(request, repeatKey) {
  const item = await deliver(request, repeatKey);
  if (item.status === "Completed") await chargeFile(item.job_id);
  await pushItem(item);
  return item;
}

async function runBatch() {
  const { urls = [], ...options } = await readInput();
  for (const url of urls) {
    if ((await filesLeft()) < 1) {
      console.log("The limit of charges is reached: no further job is started.");
      return;
    }
    // the platform may start a run again on another server
    const key = createHash("sha256").update(`${ACTOR_RUN_ID} ${url}`).digest("hex");
    const { status, error } = await deliverAndCharge({ url, ...options }, key);
    console.log(`${status}: ${url}${error ? `: ${error}` : ""}`);
  }
}

async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

async function answer(request) {
  // Apify asks whether the server is ready
  if (request.headers["x-apify-container-server-readiness-probe"])
    return { status: 200, body: { ready: true } };
  if (request.method !== "POST") return { status: 405, body: { error: "Send POST with url and storage" } };
  if ((await filesLeft()) < 1) return { status: 402, body: { error: "The limit of charges is reached" } };
  const body = await readJson(request).catch(() => null);
  if (typeof body?.url !== "string")
    return { status: 400, body: { error: "Send JSON with url and storage" } };
  const item = await deliverAndCharge(body, crypto.randomUUID());
  return { status: item.status === "Completed" ? 200 : 422, body: item };
}

function serve() {
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(request).catch((error) => ({
      status: 502,
      body: { error: error.message },
    }));
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  server.listen(Number(ACTOR_WEB_SERVER_PORT), () =>
    console.log(`listening on port ${server.address().port}`),
  );
}

if (APIFY_META_ORIGIN === "STANDBY") serve();
else await runBatch();
